"""Log-probs of whole episodes' sampled tokens, for learning: every turn of a trajectory in one pass.

B trajectories, T sampled tokens of a trajectory over all its turns. Trajectories of similar length share a pass, or
stand in one row without padding; equal screenshots are encoded once, and the head runs at the sampled tokens only. What
is held at once, and what is computed twice to hold less, is said by `Policy.passes`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from arpo_engine.models.contexts import Context, by_length, contexts_of, packed, padded
from arpo_engine.models.head import scored, scored_in_chunks
from arpo_engine.models.idle import idle_encoding, idle_pass
from arpo_engine.types import Pixels, Trajectory

if TYPE_CHECKING:
    from arpo_engine.models.policy import Policy

TOKENS_PER_PASS = 8192
"""Tokens that share one pass where the config names no number: enough to fill a processor, small enough for its
caches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLogprobs:
    """Right-padded over the sampled tokens of all turns, in order; padding is 0."""

    logprobs: Tensor
    """[B, T]"""
    mask: Tensor
    """[B, T] bool: where a token was sampled."""
    entropy: Tensor
    """[B, T] nats of the distribution that the token was drawn from; carries no gradient."""


class VisualTokens:
    """Of the screenshots of several batches: each is encoded once, and forgotten after the last batch that shows it."""

    def __init__(self, policy: Policy, screenshots: dict[bytes, Pixels], batches: Sequence[Sequence[Context]]) -> None:
        self._policy = policy
        self._screenshots = screenshots
        self._uses = Counter(key for batch in batches for item in batch for key in item.frames)
        self._known: dict[bytes, Tensor] = {}
        # Ranks that share the tower's weights go through it once each, whatever there is to be seen.
        if screenshots and (policy.passes.tokens_per_pass is None or policy.passes_of_all is not None):
            self._encode(list(screenshots))

    def of(self, batch: Sequence[Context]) -> Tensor:
        """Visual tokens [n, …] of a batch's screenshots, in reading order."""
        keys = [key for item in batch for key in item.frames]
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        if new:
            self._encode(new)
        tokens = torch.cat([self._known[key] for key in keys])
        self._uses.subtract(keys)
        for key in set(keys):
            if not self._uses[key]:
                del self._known[key]
        return tokens

    def _encode(self, keys: Sequence[bytes]) -> None:
        frames = [self._screenshots[key] for key in keys]
        self._known.update(zip(keys, self._policy.encode_frames(frames), strict=True))


def reply_logprobs(policy: Policy, trajectories: Sequence[Trajectory], temperature: float) -> ReplyLogprobs:
    """Recompute what `behaviour_logprobs` recorded, under the policy's present weights and with its gradients."""
    mask = _mask(trajectories).to(policy.device)
    logprobs = torch.zeros(mask.shape, device=policy.device)
    entropy = torch.zeros(mask.shape, device=policy.device)
    screenshots: dict[bytes, Pixels] = {}
    contexts = contexts_of(policy.chat, trajectories, screenshots)
    most = policy.passes.tokens_per_pass or TOKENS_PER_PASS
    batches = list(by_length(contexts, most, padding_free=policy.passes.padding_free))
    idle = 0 if policy.passes_of_all is None else policy.passes_of_all(len(batches)) - len(batches)
    # In this order on every rank: the tower, the passes; and backwards in the opposite one.
    nothing = idle_encoding(policy) if policy.passes_of_all is not None and not screenshots else None
    visual = VisualTokens(policy, screenshots, batches)
    for batch in batches:
        rows = [item.row for item in batch for _ in item.places]
        columns = [item.column + number for item in batch for number in range(len(item.places))]
        places = (torch.tensor(rows, device=policy.device), torch.tensor(columns, device=policy.device))
        picked_logprobs, picked_entropy = _pass(policy, batch, visual.of(batch), temperature)
        logprobs = logprobs.index_put(places, picked_logprobs)
        entropy = entropy.index_put(places, picked_entropy)
    for _ in range(idle):
        logprobs = logprobs + idle_pass(policy)
    if nothing is not None:
        logprobs = logprobs + nothing
    return ReplyLogprobs(logprobs=logprobs, mask=mask, entropy=entropy)


def behaviour_logprobs(trajectories: Sequence[Trajectory]) -> Tensor:
    """The recorded log-probs [B, T] of the sampled tokens."""
    result = torch.zeros(_mask(trajectories).shape)
    for row, trajectory in enumerate(trajectories):
        recorded = [value for step in trajectory.steps for value in step.reply_logprobs]
        result[row, : len(recorded)] = torch.tensor(recorded)
    return result


def _mask(trajectories: Sequence[Trajectory]) -> Tensor:
    lengths = torch.tensor([trajectory.tokens for trajectory in trajectories])
    return torch.arange(int(lengths.max()) if len(lengths) else 0) < lengths[:, None]


def _pass(policy: Policy, batch: Sequence[Context], seen: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probs and entropies of a batch's sampled tokens, context by context; `seen` are its visual tokens."""
    passes = policy.passes
    laid = (packed if passes.padding_free else padded)(policy.chat, batch).to(policy.device)
    embedded, deepstack = policy.embed(laid.ids_BL, seen), policy.deepstack(laid.ids_BL, seen)
    hidden = policy.hidden_at(embedded, laid.positions, laid.places_BQ, deepstack, laid.segments)
    sampled = laid.ids_BL.gather(1, laid.places_BQ + 1)
    if passes.logits_tokens is not None:
        asked = (hidden[laid.real_BQ], sampled[laid.real_BQ])
        return scored_in_chunks(policy.logits, *asked, temperature, passes.logits_tokens)
    logprobs, entropy = scored(policy.logits, hidden, sampled, temperature)
    return logprobs[laid.real_BQ], entropy[laid.real_BQ]
