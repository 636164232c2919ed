"""Log-probs of whole episodes' sampled tokens, for learning: every turn of a trajectory in one pass.

B trajectories, L context length, T sampled tokens of a trajectory over all its turns. Trajectories of similar length
share a pass, equal screenshots are encoded once, and the head runs at the sampled tokens only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from arpo_engine.models.idle import idle_encoding, idle_pass
from arpo_engine.models.positions import Ids, mrope_positions
from arpo_engine.types import Pixels, Step, Trajectory

if TYPE_CHECKING:
    from arpo_engine.models.policy import Policy

TOKENS_PER_PASS = 8192
"""Padded tokens that share one pass: enough to fill the processor, small enough for its caches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLogprobs:
    """Right-padded over the sampled tokens of all turns, in order; padding is 0."""

    logprobs: Tensor
    """[B, T]"""
    mask: Tensor
    """[B, T] bool: where a token was sampled."""
    entropy: Tensor
    """[B, T] nats of the distribution that the token was drawn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Turns of one trajectory that share a context, as a single row of ids: all of them, or what a window showed."""

    row: int
    """Which trajectory."""
    column: int
    """Which of the trajectory's sampled tokens is the context's first."""
    ids: Ids
    places: list[int]
    """Where the token before each sampled token stands."""
    frames: list[bytes]
    """Keys of its screenshots."""
    grids: list[tuple[int, int]]


def frame_key(pixels: Pixels) -> bytes:
    """A key under which equal screenshots meet."""
    digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16)
    digest.update(str(pixels.shape).encode())
    return digest.digest()


def reply_logprobs(policy: Policy, trajectories: Sequence[Trajectory], temperature: float) -> ReplyLogprobs:
    """Recompute what `behaviour_logprobs` recorded, under the policy's present weights and with its gradients."""
    mask = _mask(trajectories).to(policy.device)
    logprobs = torch.zeros(mask.shape, device=policy.device)
    entropy = torch.zeros(mask.shape, device=policy.device)
    screenshots: dict[bytes, Pixels] = {}
    contexts = contexts_of(policy, trajectories, screenshots)
    spread = policy.passes_of_all
    # In this order on every rank: the tower first, then the passes; and backwards in the opposite one.
    nothing = idle_encoding(policy) if spread is not None and not screenshots else None
    frames = list(screenshots.values())
    features = dict(zip(screenshots, policy.encode_frames(frames) if frames else [], strict=True))
    batches = list(_by_length(contexts))
    idle = 0 if spread is None else spread(len(batches)) - len(batches)
    for batch in batches:
        rows = torch.tensor([context.row for context in batch], device=policy.device)
        starts = torch.tensor([context.column for context in batch], device=policy.device)
        counts = torch.tensor([len(context.places) for context in batch], device=policy.device)
        picked_logprobs, picked_entropy = _pass(policy, batch, features, temperature)
        offsets = torch.arange(picked_logprobs.shape[1], device=policy.device)[None]
        # Padding adds nothing, wherever it falls: contexts of one trajectory fill their own columns of its row.
        padding = offsets >= counts[:, None]
        places = (rows[:, None], (starts[:, None] + offsets).clamp(max=mask.shape[1] - 1))
        logprobs = logprobs.index_put(places, picked_logprobs.masked_fill(padding, 0.0), accumulate=True)
        entropy = entropy.index_put(places, picked_entropy.masked_fill(padding, 0.0), accumulate=True)
    for _ in range(idle):
        logprobs = logprobs + idle_pass(policy)
    logprobs = logprobs if nothing is None else logprobs + nothing
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


def contexts_of(policy: Policy, trajectories: Sequence[Trajectory], screenshots: dict[bytes, Pixels]) -> list[Context]:
    """The contexts that trajectories were sampled from, exactly; screenshots join those that are already known.

    An episode is one context, unless it was seen through a window: then a context begins at every turn that says so.
    """
    contexts = []
    for row, trajectory in enumerate(trajectories):
        turns, column = trajectory.steps, 0
        starts = [at for at, step in enumerate(turns) if at == 0 or step.window is not None]
        for start, end in pairwise([*starts, len(turns)]):
            before = (turns[start].window or 1) - 1
            contexts.append(_context(policy, (row, column), turns[start - before : end], before, screenshots))
            column += len(contexts[-1].places)
    return contexts


def _context(
    policy: Policy, at: tuple[int, int], steps: Sequence[Step], before: int, screenshots: dict[bytes, Pixels]
) -> Context:
    """The turns of `steps` as one context; of the first `before` ones it holds the screenshots, and no own tokens."""
    ids: list[int] = []
    places: list[int] = []
    frames = []
    for step in steps:
        key = frame_key(step.pixels)
        screenshots.setdefault(key, step.pixels)
        frames.append(key)
    for step in steps[before:]:
        ids += step.prompt_ids
        places += range(len(ids) - 1, len(ids) - 1 + len(step.reply_ids))
        ids += step.reply_ids
    grids = [_grid(policy, step) for step in steps]
    return Context(
        row=at[0], column=at[1], ids=np.array(ids, dtype=np.int64), places=places, frames=frames, grids=grids
    )


def padded(policy: Policy, batch: Sequence[Context]) -> tuple[Tensor, Tensor]:
    """Ids [b, L] and positions [3, b, L], padded on the right."""
    length = max(len(item.ids) for item in batch)
    ids = np.full((len(batch), length), policy.chat.end_id, dtype=np.int64)
    positions = np.zeros((3, len(batch), length), dtype=np.int64)
    for index, item in enumerate(batch):
        ids[index, : len(item.ids)] = item.ids
        positions[:, index, : len(item.ids)] = mrope_positions(item.ids, item.grids, policy.chat.image_id)[0]
    return torch.from_numpy(ids).to(policy.device), torch.from_numpy(positions).to(policy.device)


def _grid(policy: Policy, step: Step) -> tuple[int, int]:
    height, width = step.pixels.shape[:2]
    return policy.chat.patches.grid(width, height)


def _by_length(contexts: Sequence[Context]) -> Iterator[list[Context]]:
    """Batches of similar length, so that little is padded."""
    batch: list[Context] = []
    for context in sorted(contexts, key=lambda item: (len(item.ids), item.row)):
        if batch and len(context.ids) * (len(batch) + 1) > TOKENS_PER_PASS:
            yield batch
            batch = []
        batch.append(context)
    if batch:
        yield batch


def _pass(
    policy: Policy, batch: Sequence[Context], features: dict[bytes, Tensor], temperature: float
) -> tuple[Tensor, Tensor]:
    """Log-probs and entropies [b, T] of one batch, padded with whatever the first place gives."""
    width = max(len(item.places) for item in batch)
    places = np.zeros((len(batch), width), dtype=np.int64)
    for index, item in enumerate(batch):
        places[index, : len(item.places)] = item.places
    ids_BL, positions = padded(policy, batch)
    places_BT = torch.from_numpy(places).to(policy.device)
    seen = torch.cat([features[key] for item in batch for key in item.frames])
    hidden = policy.hidden_at(policy.embed(ids_BL, seen), positions, places_BT, policy.deepstack(ids_BL, seen))
    spread = (policy.logits(hidden) / temperature).log_softmax(-1)
    sampled = ids_BL.gather(1, places_BT + 1)
    entropy = -(spread.exp() * spread).sum(-1)
    return spread.gather(-1, sampled[..., None])[..., 0], entropy
