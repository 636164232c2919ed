"""Groups in, better weights out: minibatches, the clipped loss, AdamW. Knows tensors; knows no desktops, no files.

Trajectories without an advantage are not computed (unless the config keeps them), yet they count in the mean: the loss
of a step is the same as if all of them had been.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from arpo_engine.algorithms.base import Penalty
from arpo_engine.contract.config import GrpoConfig
from arpo_engine.contract.config.choices import choices_of
from arpo_engine.contract.config.parts import OptimizerConfig
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.anchors import Anchors, old_logprobs, present_logprobs
from arpo_engine.trainer.effort import Effort
from arpo_engine.trainer.gradient import Gradient
from arpo_engine.trainer.kl_penalty import KlPenalty
from arpo_engine.trainer.moments import read_moments, spread_like, write_whole
from arpo_engine.trainer.optimizers import build_optimizer, load_moments
from arpo_engine.trainer.report import LearnReport, Sums
from arpo_engine.trainer.schedule import learning_rate
from arpo_engine.trainer.shaping import shaped
from arpo_engine.trainer.siblings import ALONE, Siblings
from arpo_engine.types import Group, Member, Trajectory

log = logging.getLogger(__name__)


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
        penalty: KlPenalty | None = None,
        siblings: Siblings = ALONE,
    ) -> None:
        self._policy = policy
        self._algorithm = algorithm
        self._config = optimizer
        self._temperature = temperature
        self._total_steps = total_steps
        self._random = random.Random(f"learner-{seed}")
        self.rate_factor = 1.0
        """The guard lowers it after a collapse."""
        # A penalty in the loss has something to say about trajectories that have no advantage, too.
        in_loss = penalty is not None and not penalty.in_reward
        self._keeps_all = in_loss or choices_of(algorithm).zero_variance == "keep"
        self._penalty = penalty
        self._siblings = siblings
        self.optimizer = build_optimizer(policy.trained(), optimizer)
        self._gradient = Gradient(
            policy, algorithm, temperature=temperature, penalty=penalty, seeds=self._random, siblings=siblings
        )

    def learn(self, groups: Sequence[Group], step: int) -> LearnReport:
        """Update the policy from the groups of one training step."""
        rate = learning_rate(self._config, step, self._total_steps) * self.rate_factor
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = rate
        chat, effort = self._policy.chat, Effort(self._policy.device)
        members = [shaped(member, self._algorithm, chat) for group in groups for member in group.members]
        live = [member for member in members if member.trajectory.tokens and (self._keeps_all or member.advantage)]
        if not live:
            distance, coef = self._finish_penalty(len(members))
            return LearnReport(
                updates=0,
                learning_rate=rate,
                finite=True,
                reference_kl=distance,
                kl_coef=coef,
                effort=effort.values(),
            )
        sums, finite = Sums(), True
        anchors, normaliser = self._anchors(live, effort), self._normaliser(members)
        with effort.part("update"):
            for batch in self._minibatches(live):
                # What was sampled for this step, was by the weights of the step before; see `Generator.push_weights`.
                finite = self._update(batch, anchors, normaliser, sums, version=step - 1)
                if not finite:
                    break
        sums = sums.joined(self._siblings)
        distance, coef = self._finish_penalty(len(members))
        share = sum(member.advantage != 0.0 for member in live) / len(members)
        return sums.report(
            rate, finite=finite, live_share=share, reference_kl=distance, kl_coef=coef, effort=effort.values()
        )

    @property
    def reward_penalty(self) -> Penalty | None:
        """What rewards are reduced by before they are compared; None where there is no such penalty."""
        penalty = self._penalty
        return partial(self._taken_from_rewards, penalty) if penalty is not None and penalty.in_reward else None

    def _finish_penalty(self, trajectories: int) -> tuple[float | None, float | None]:
        return (None, None) if self._penalty is None else self._penalty.finish_step(trajectories)

    def _taken_from_rewards(
        self, penalty: KlPenalty, trajectories: Sequence[Trajectory], remembered: Collection[str]
    ) -> list[float]:
        """Nothing is taken from a trajectory without a token."""
        chat = self._policy.chat
        everyone = [shaped(Member(trajectory=item, advantage=0.0), self._algorithm, chat) for item in trajectories]
        speaking = [place for place, member in enumerate(everyone) if member.trajectory.tokens]
        taken = [0.0] * len(everyone)
        if speaking:
            spoken = [everyone[place].trajectory for place in speaking]
            present = present_logprobs(
                self._policy, spoken, remembered, self._algorithm, self._temperature, self._siblings
            )
            less = penalty.of_rewards(spoken, present)
            for place, value in zip(speaking, less, strict=True):
                taken[place] = value
        return taken

    def save_moments(self, folder: Path) -> None:
        """Write the state of an optimizer that is here as a whole."""
        write_whole(self.optimizer, folder)

    def state_dict(self) -> dict[str, Any]:
        """The random generator of the minibatches and the guard's factor; the same on every rank."""
        version, internal, gauss = self._random.getstate()
        state = {
            "random": [version, list(internal), gauss],
            "rate_factor": self.rate_factor,
        }
        return state if self._penalty is None else {**state, "penalty": self._penalty.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state, whose optimizer may be a folder that ranks saved; of whole moments a rank takes its
        own part."""
        saved, trained = state["optimizer"], self._policy.trained()
        if isinstance(saved, Path):
            moments, groups = read_moments(saved, trained), state["groups"]
        else:
            moments, groups = spread_like(saved["state"], trained), saved["param_groups"]
        if load_moments(self.optimizer, {"state": moments, "param_groups": groups}):
            log.warning(
                "the checkpoint was saved by another kind of optimizer; its moments are converted to those of "
                "optimizer.kind = %s, and the run goes on with that",
                self._config.kind,
            )
        version, internal, gauss = state["random"]
        self._random.setstate((version, tuple(internal), gauss))
        self.rate_factor = float(state["rate_factor"])
        if self._penalty is not None and "penalty" in state:
            self._penalty.load_state_dict(state["penalty"])

    def _minibatches(self, live: Sequence[Member]) -> Iterator[list[int]]:
        """Places in `live`, shuffled anew for every pass and split evenly."""
        size = math.ceil(len(live) / self._algorithm.minibatches)
        for _ in range(self._algorithm.epochs):
            order = list(range(len(live)))
            self._random.shuffle(order)
            for start in range(0, len(order), size):
                yield order[start : start + size]

    def _update(self, batch: Sequence[int], anchors: Anchors, normaliser: float, sums: Sums, *, version: int) -> bool:
        """One optimizer step; False (and no step) when its loss or its gradient is not a finite number."""
        self.optimizer.zero_grad(set_to_none=True)
        parts = self._gradient.add(batch, anchors, normaliser, version=None if sums.updates else version)
        norm = self._siblings.clip(self._policy.trained(), self._config.max_grad_norm)
        (loss,) = self._siblings.total(sum(part.loss for part in parts))
        if not (math.isfinite(norm) and math.isfinite(loss)):
            self.optimizer.zero_grad(set_to_none=True)
            return False
        self.optimizer.step()
        # Until the next update, while episodes are sampled, nobody needs them, and they are as large as the weights.
        self.optimizer.zero_grad(set_to_none=True)
        sums.add(parts, norm)
        return True

    def _anchors(self, live: list[Member], effort: Effort) -> Anchors:
        """What the members of a step are held against."""
        with effort.part("old_logprobs"):
            old, weights = old_logprobs(self._policy, live, self._algorithm, self._temperature, self._siblings)
        reference = None
        if self._penalty is not None and not self._penalty.in_reward:
            with effort.part("reference"):
                reference = self._penalty.reference_logprobs([member.trajectory for member in live])
        return Anchors(live, old, weights, reference)

    def _normaliser(self, members: Sequence[Member]) -> float:
        """What the sum over an update is divided by: its share of the tokens, or of the trajectories, of the step."""
        loss = self._algorithm.loss
        if loss.aggregation == "token_mean":
            whole: float = sum(member.trajectory.tokens for member in members)
        else:
            whole = len(members) * (loss.constant_tokens if loss.aggregation == "constant" else 1)
        return whole / self._algorithm.minibatches
