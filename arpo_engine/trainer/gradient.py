"""The gradient of one update, added up part by part, so that only one part's graph is held at a time.

A part is whole trajectories. What the loss is divided by is known beforehand and the same for all parts, so that their
gradients add up to the minibatch's own. Screenshots that trajectories of one part share are encoded once for it, and
again for another part: with a tower that learns, keeping them would mean keeping their graph.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from arpo_engine.algorithms.losses import PolicyLoss, policy_loss
from arpo_engine.contract.config import GrpoConfig
from arpo_engine.models.policy import Policy
from arpo_engine.models.replies import ReplyLogprobs
from arpo_engine.trainer.anchors import Anchors
from arpo_engine.trainer.kl_penalty import KlPenalty
from arpo_engine.trainer.sampler_gap import SamplerGap, sampler_gap
from arpo_engine.trainer.siblings import ALONE, Siblings
from arpo_engine.types import Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one part of an update came to; its tensors hold no graph."""

    outcome: PolicyLoss
    loss: float
    """Its share of the update's loss, a penalty included."""
    entropy: float
    """Sum over its tokens (nats), as is the surprisal."""
    surprisal: float
    gap: SamplerGap | None


class Gradient:
    """Adds the gradient of minibatches to a policy's weights."""

    def __init__(
        self,
        policy: Policy,
        algorithm: GrpoConfig,
        *,
        temperature: float,
        penalty: KlPenalty | None,
        seeds: random.Random,
        siblings: Siblings = ALONE,
    ) -> None:
        self._policy = policy
        self._algorithm = algorithm
        self._temperature = temperature
        self._penalty = penalty
        self._seeds = seeds
        self._siblings = siblings

    def add(self, batch: Sequence[int], anchors: Anchors, normaliser: float, *, version: int | None) -> list[Part]:
        """Add the gradient of the members at `batch` to what the weights hold, and say what each part came to.

        `version` is that of the weights that learn, whose log-probs are laid beside the sampler's; None once they have
        moved away from those that sampled.
        """
        return [self._add_part(part, anchors, normaliser, version) for part in self.parts(batch, anchors)]

    def parts(self, batch: Sequence[int], anchors: Anchors) -> list[list[int]]:
        """The minibatch cut into parts of at most `learner.tokens_per_pass` tokens each, alike in size. With siblings
        these are the parts of this rank's share, and the last may be empty where others have more."""
        tokens = [anchors.members[place].trajectory.computed_tokens for place in batch]
        rounds = self._siblings.rounds(tokens, self._policy.passes.tokens_per_pass)
        return [[batch[at] for at in part] for part in rounds]

    def _add_part(self, part: Sequence[int], anchors: Anchors, normaliser: float, version: int | None) -> Part:
        trajectories = [anchors.members[place].trajectory for place in part]
        # What is computed twice to save memory has to drop the same things when gradients flow back.
        with self._dropping_out():
            new = self._policy.reply_logprobs(trajectories, self._temperature)
            outcome = self._loss(new, part, anchors, normaliser)
            total = outcome.loss
            if self._penalty is not None and anchors.reference_BT is not None:
                reference = anchors.rows(anchors.reference_BT, part, new.logprobs.shape[1])
                total = total + self._penalty.of_loss(
                    new.logprobs, reference, new.mask, normaliser, per_trajectory=self._per_trajectory
                )
            # Gradients of ranks are averaged, and the normaliser is that of all of them.
            (total * self._siblings.size).backward()
        return Part(
            outcome=replace(outcome, loss=outcome.loss.detach()),
            loss=float(total.detach()),
            entropy=float((new.entropy.detach() * new.mask).sum()),
            surprisal=-float(torch.where(new.mask.bool(), new.logprobs.detach(), 0.0).sum()),
            gap=None if version is None else self._gap(trajectories, new, version),
        )

    def _loss(self, new: ReplyLogprobs, part: Sequence[int], anchors: Anchors, normaliser: float) -> PolicyLoss:
        width, device = new.logprobs.shape[1], self._policy.device
        advantages = torch.tensor([anchors.members[place].advantage for place in part], device=device)
        return policy_loss(
            new.logprobs,
            anchors.rows(anchors.old_BT, part, width),
            advantages,
            new.mask,
            clip=self._algorithm.clip,
            normaliser=normaliser,
            kind=self._algorithm.loss.kind,
            per_trajectory=self._per_trajectory,
            weights_BT=None if anchors.weights_BT is None else anchors.rows(anchors.weights_BT, part, width),
        )

    def _gap(self, trajectories: Sequence[Trajectory], new: ReplyLogprobs, version: int) -> SamplerGap | None:
        return sampler_gap(trajectories, new.logprobs, self._policy.behaviour_logprobs(trajectories), version)

    @property
    def _per_trajectory(self) -> bool:
        return self._algorithm.loss.aggregation == "seq_mean"

    @contextmanager
    def _dropping_out(self) -> Iterator[None]:
        """An adapter drops a part of what it reads while it learns, another one each time."""
        adapter = self._policy.adapter
        if adapter is None or not adapter.drops:
            yield
            return
        with adapter.dropping_out(self._seeds.getrandbits(63) + self._siblings.rank):
            yield
