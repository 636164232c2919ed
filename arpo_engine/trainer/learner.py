"""Groups in, better weights out: minibatches, the clipped loss, AdamW. Knows tensors; knows no desktops, no files.

Trajectories without an advantage are never computed, yet they count in the mean: the loss of a step is the same as if
all of them had been.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from arpo_engine.algorithms.losses import PolicyLoss, policy_loss
from arpo_engine.contract.config import ArpoConfig, GrpoConfig
from arpo_engine.contract.config.parts import OptimizerConfig
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.schedule import learning_rate
from arpo_engine.types import Group, Member, Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnReport:
    """What one step of learning did. A number is None where nothing was learnt from."""

    updates: int
    learning_rate: float
    finite: bool
    """False: a loss or a gradient was NaN or infinite; the weights were left as they were from there on."""
    loss: float | None = None
    entropy: float | None = None
    grad_norm: float | None = None
    clip_fraction: float | None = None
    clip_fraction_high: float | None = None
    clip_fraction_dual: float | None = None
    approx_kl: float | None = None
    live_share: float = 0.0
    """Share of the trajectories that had an advantage."""


class Learner:
    """Owns the optimizer of a policy."""

    def __init__(
        self,
        policy: Policy,
        *,
        algorithm: GrpoConfig,
        optimizer: OptimizerConfig,
        temperature: float,
        total_steps: int,
        seed: int,
    ) -> None:
        self._policy = policy
        self._algorithm = algorithm
        self._config = optimizer
        self._temperature = temperature
        self._total_steps = total_steps
        self._random = random.Random(f"learner-{seed}")
        self.rate_factor = 1.0
        """The guard lowers it after a collapse."""
        self._optimizer = torch.optim.AdamW(
            policy.module.parameters(),
            lr=optimizer.lr,
            betas=(optimizer.beta1, optimizer.beta2),
            weight_decay=optimizer.weight_decay,
        )

    def learn(self, groups: Sequence[Group], step: int) -> LearnReport:
        """Update the policy from the groups of one training step."""
        rate = learning_rate(self._config, step, self._total_steps) * self.rate_factor
        for parameters in self._optimizer.param_groups:
            parameters["lr"] = rate
        members = [member for group in groups for member in group.members]
        live = [member for member in members if member.advantage != 0.0 and member.trajectory.tokens]
        if not live:
            return LearnReport(updates=0, learning_rate=rate, finite=True)
        tokens = sum(member.trajectory.tokens for member in members) / self._algorithm.minibatches
        old = self._old_logprobs(live)
        sums = _Sums()
        for batch in self._minibatches(live):
            if not self._update(batch, old, tokens, sums):
                return sums.report(rate, finite=False, live_share=len(live) / len(members))
        return sums.report(rate, finite=True, live_share=len(live) / len(members))

    def state_dict(self) -> dict[str, Any]:
        """Optimizer moments, the random generator of the minibatches, and the guard's factor."""
        version, internal, gauss = self._random.getstate()
        return {
            "optimizer": self._optimizer.state_dict(),
            "random": [version, list(internal), gauss],
            "rate_factor": self.rate_factor,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self._optimizer.load_state_dict(state["optimizer"])
        version, internal, gauss = state["random"]
        self._random.setstate((version, tuple(internal), gauss))
        self.rate_factor = float(state["rate_factor"])

    def _minibatches(self, live: Sequence[Member]) -> Iterator[list[int]]:
        """Places in `live`, shuffled anew for every pass and split evenly."""
        size = math.ceil(len(live) / self._algorithm.minibatches)
        for _ in range(self._algorithm.epochs):
            order = list(range(len(live)))
            self._random.shuffle(order)
            for start in range(0, len(order), size):
                yield order[start : start + size]

    def _update(self, batch: Sequence[int], old: _OldLogprobs, tokens: float, sums: _Sums) -> bool:
        """One optimizer step; False (and no step) when its loss or its gradient is not a finite number."""
        trajectories = [old.members[place].trajectory for place in batch]
        advantages = torch.tensor([old.members[place].advantage for place in batch], device=self._policy.device)
        new = self._policy.reply_logprobs(trajectories, self._temperature)
        outcome = policy_loss(
            new.logprobs,
            old.rows(batch, new.logprobs.shape[1]),
            advantages,
            new.mask,
            clip=self._algorithm.clip,
            normaliser=tokens,
        )
        self._optimizer.zero_grad(set_to_none=True)
        outcome.loss.backward()
        loss = float(outcome.loss.detach())
        norm = float(torch.nn.utils.clip_grad_norm_(self._policy.module.parameters(), self._config.max_grad_norm))
        entropy = float((new.entropy.detach() * new.mask).sum())
        if not (math.isfinite(norm) and math.isfinite(loss)):
            self._optimizer.zero_grad(set_to_none=True)
            return False
        self._optimizer.step()
        sums.add(outcome, loss, entropy, norm)
        return True

    def _old_logprobs(self, live: Sequence[Member]) -> _OldLogprobs:
        """The recorded log-probs; for replayed members those of today's weights, where the config asks for it."""
        trajectories = [member.trajectory for member in live]
        table = self._policy.behaviour_logprobs(trajectories)
        replayed = [place for place, member in enumerate(live) if member.replaced is not None]
        if replayed and isinstance(self._algorithm, ArpoConfig) and self._algorithm.replay.old_logprobs == "recomputed":
            table = self._recomputed(table, replayed, trajectories)
        return _OldLogprobs(list(live), table)

    def _recomputed(self, table: Tensor, places: Sequence[int], trajectories: Sequence[Trajectory]) -> Tensor:
        with torch.no_grad():
            new = self._policy.reply_logprobs([trajectories[place] for place in places], self._temperature).logprobs
        table[torch.tensor(places), : new.shape[1]] = new
        return table


@dataclass(frozen=True, slots=True)
class _OldLogprobs:
    """Old log-probs [B, T] of all live members, and the members."""

    members: list[Member]
    table: Tensor

    def rows(self, places: Sequence[int], width: int) -> Tensor:
        return self.table[torch.tensor(places, device=self.table.device), :width]


@dataclass(slots=True)
class _Sums:
    """Over the updates of one step."""

    updates: int = 0
    tokens: float = 0.0
    loss: float = 0.0
    entropy: float = 0.0
    norm: float = 0.0
    clipped: float = 0.0
    clipped_high: float = 0.0
    clipped_dual: float = 0.0
    kl: float = 0.0

    def add(self, outcome: PolicyLoss, loss: float, entropy: float, norm: float) -> None:
        self.updates += 1
        self.tokens += outcome.tokens
        self.loss += loss
        self.entropy += entropy
        self.norm += norm
        self.clipped += outcome.clipped
        self.clipped_high += outcome.clipped_high
        self.clipped_dual += outcome.clipped_dual
        self.kl += outcome.kl_sum

    def report(self, rate: float, *, finite: bool, live_share: float) -> LearnReport:
        if not self.updates:
            return LearnReport(updates=0, learning_rate=rate, finite=finite, live_share=live_share)
        return LearnReport(
            updates=self.updates,
            learning_rate=rate,
            finite=finite,
            loss=self.loss / self.updates,
            entropy=self.entropy / self.tokens,
            grad_norm=self.norm / self.updates,
            clip_fraction=self.clipped / self.tokens,
            clip_fraction_high=self.clipped_high / self.tokens,
            clip_fraction_dual=self.clipped_dual / self.tokens,
            approx_kl=self.kl / self.tokens,
            live_share=live_share,
        )
