"""What a tracker must do, and what it is told of a run. Knows no tracker and no event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from arpo_engine.contract.outcomes import RunOutcome

FOLDER = "mirrors"
"""Below the run folder: what trackers write on this machine, and which of their runs is ours."""
Setting = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """What a tracker shows beside the numbers."""

    folder: Path
    """Where it may write; it exists."""
    project: str
    name: str
    settings: Mapping[str, Setting]
    """The config by dotted names."""
    kept: str | None
    """The id that `open` answered in an earlier attempt, when this one goes on from its checkpoint."""
    resumed_from: int | None
    """Training step of that checkpoint; None: the run begins."""


class Tracker(Protocol):
    """One tracker. Every method but `abandon` runs in the mirror's own thread and may raise or hang as it likes."""

    takes_back: bool
    """Whether steps that an earlier attempt sent are replaced when they are sent again."""

    def open(self, run: TrackedRun) -> str:
        """Begin, or go on with `run.kept`; the answer is the id of its run."""
        ...

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """The finite numbers of one training step; a step may come twice in a row with other names."""
        ...

    def close(self, outcome: RunOutcome | None) -> None:
        """Bring everything where it belongs; `outcome` is None where nobody could tell how the run ended."""
        ...

    def abandon(self) -> None:
        """Called beside a method that hangs when the run is over: end what would keep the process from ending."""
        ...
