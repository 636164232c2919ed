"""The learner as the loop sees it when ranks of their own learn: it hands them groups and gets their weights back.

The policy of this process is a mirror: what samples, is pushed, saved and exported is taken from it. Where the ranks
live and how they are asked is the business of a `RankGroup`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arpo_engine.algorithms.base import Penalty
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.fsdp import units
from arpo_engine.trainer.moments import FOLDER
from arpo_engine.trainer.rank_wire import (
    Learn,
    Penalise,
    RankGroup,
    ReadState,
    ReadWeights,
    SaveMoments,
    Sheet,
    TakeState,
    TakeWeights,
)
from arpo_engine.trainer.report import LearnReport
from arpo_engine.types import Group, Trajectory


class RankedLearner:
    """Keeps the interface of `Learner`."""

    def __init__(self, policy: Policy, group: RankGroup, *, penalises_rewards: bool) -> None:
        self._policy = policy
        self._group = group
        self._penalises_rewards = penalises_rewards
        self.rate_factor = 1.0
        """The guard lowers it after a collapse."""

    def learn(self, groups: Sequence[Group], step: int) -> LearnReport:
        """Update the weights of the ranks, and then those of this process, from the groups of one training step.

        Raises:
            LearnerLost: a rank is gone; the weights here are those of the step before.
        """
        report: LearnReport = self._group.ask(Learn(groups, step, self.rate_factor)).value
        if report.updates:
            self._mirror()
        return report

    @property
    def reward_penalty(self) -> Penalty | None:
        """What rewards are reduced by before they are compared; None where there is no such penalty."""
        return self._taken_from_rewards if self._penalises_rewards else None

    def state_dict(self) -> dict[str, Any]:
        """As `Learner.state_dict`, with the settings of the optimizer, whose moments the ranks save themselves."""
        state: dict[str, Any] = self._group.ask(ReadState()).value
        return {**state, "rate_factor": self.rate_factor}

    def save_moments(self, folder: Path) -> None:
        """Let each rank write its part of the optimizer's moments.

        Raises:
            OSError: the disk does not take it.
            CheckpointError: not all ranks see the folder.
        """
        moments = folder.absolute() / FOLDER
        moments.mkdir()
        self._group.ask(SaveMoments(moments))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state, by as many ranks as there are now, with the weights that this process holds."""
        for names in units(list(self._trained())):
            held = self._trained()
            self._group.ask(TakeWeights({name: Sheet.of(held[name]) for name in names}))
        plain = {name: value for name, value in state.items() if name != "optimizer"}
        saved = state["optimizer"]
        if isinstance(saved, Path):
            self._group.ask(TakeState(plain, saved.absolute()))
        else:
            sheets = {
                place: {name: Sheet.of(value) for name, value in numbers.items()}
                for place, numbers in saved["state"].items()
            }
            self._group.ask(TakeState({**plain, "groups": saved["param_groups"]}, sheets))
        self.rate_factor = float(state["rate_factor"])

    def _taken_from_rewards(self, trajectories: Sequence[Trajectory], remembered: Collection[str]) -> list[float]:
        less: list[float] = self._group.ask(Penalise(trajectories, frozenset(remembered))).value
        return less

    @torch.no_grad()
    def _mirror(self) -> None:
        """Take the ranks' weights over, layer by layer, so that no process ever holds more than one of them twice."""
        own = self._trained()
        for names in units(list(own)):
            sheets: dict[str, Sheet] = self._group.ask(ReadWeights(names)).value
            for name, sheet in sheets.items():
                own[name].copy_(sheet.tensor())

    def _trained(self) -> dict[str, Tensor]:
        return {name: weight for name, weight in self._policy.module.named_parameters() if weight.requires_grad}
