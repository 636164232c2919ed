"""What the loop asks of whoever learns: one policy in this process, or ranks that share it. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from arpo_engine.algorithms.base import Penalty
from arpo_engine.trainer.report import LearnReport
from arpo_engine.types import Group


class Learning(Protocol):
    """Implemented by `Learner` and `RankedLearner`."""

    rate_factor: float
    """The guard lowers it after a collapse."""

    def learn(self, groups: Sequence[Group], step: int) -> LearnReport:
        """Update the policy from the groups of one training step; its weights in this process are new afterwards."""
        ...

    @property
    def reward_penalty(self) -> Penalty | None:
        """What rewards are reduced by before they are compared; None where there is no such penalty."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs but the optimizer's moments."""
        ...

    def save_moments(self, folder: Path) -> None:
        """Write the optimizer's moments into a checkpoint's folder."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state, `optimizer` in it being what was saved of the moments: whole, or the folder of
        ranks. The policy of this process has the weights that belong to it already."""
        ...
