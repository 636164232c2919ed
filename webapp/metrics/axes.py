"""Where a sample stands: the x axes a chart can have, and which steps a range of one of them means.

Knows columns and times; knows no figure and no request.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from webapp.metrics.columns import Columns, Curve, Number
from webapp.metrics.series import StepRange

XAxis = Literal["step", "env_steps", "episodes", "relative", "wall"]
X_AXES: Final[dict[str, str]] = {
    "step": "training step",
    "env_steps": "environment steps",
    "episodes": "episodes",
    "relative": "time since the start",
    "wall": "wall time (UTC)",
}
X_BUTTONS: Final = {
    "step": "Step", "env_steps": "Env steps", "episodes": "Episodes", "relative": "Time", "wall": "Wall",
}  # fmt: skip
COUNTED: Final = {"env_steps": "env_steps", "episodes": "episodes"}
"""Axes that stand for a number which the engine logs itself, and that number's key."""
IN_HOURS_ABOVE_S: Final = 3 * 3600.0
"""A run longer than this is measured in hours on the axis of relative time, a shorter one in minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a person wants to see the curves."""

    x: XAxis = "step"
    smoothing: float = 0.0
    started: datetime | None = None
    """Where the axis of relative time begins."""
    lasted_s: float = 0.0
    """How long the run has taken so far; decides between minutes and hours."""
    log: bool = False
    """A logarithmic y axis."""
    hide_outliers: bool = False
    """A y axis that the few values far from all others do not stretch."""
    marks: bool = True
    """Show what happened: checkpoints, evaluations, rescues by replay, restarts, alerts."""
    range: tuple[float, float] | None = None
    """The part of the x axis that is looked at, in its own unit (wall time: seconds since 1970)."""

    @property
    def unit_s(self) -> float:
        """Seconds in one unit of relative time."""
        return 3600.0 if self.lasted_s > IN_HOURS_ABOVE_S else 60.0

    @property
    def title(self) -> str:
        """What the x axis says."""
        if self.x == "relative":
            return f"{'hours' if self.unit_s == 3600.0 else 'minutes'} since the start"
        return X_AXES[self.x]

    @property
    def needs(self) -> set[str]:
        """Keys that have to be read to place anything on the axis."""
        return {COUNTED[self.x]} if self.x in COUNTED else set()


class Ruler:
    """Places samples and events on the x axis of a view."""

    def __init__(self, view: View, curves: Mapping[str, Curve]) -> None:
        self._view = view
        self._steps: Sequence[int] = ()
        self._counts: Sequence[Number] = ()
        if view.x in COUNTED and COUNTED[view.x] in curves:
            known = curves[COUNTED[view.x]].columns
            pairs = [(step, last) for step, last in zip(known.step, known.last, strict=True) if last is not None]
            self._steps, self._counts = [step for step, _ in pairs], [count for _, count in pairs]

    @property
    def usable(self) -> bool:
        """Whether anything can be placed: a counted axis needs its counts, relative time a start."""
        if self._view.x in COUNTED:
            return bool(self._steps)
        return self._view.x != "relative" or self._view.started is not None

    def places(self, columns: Columns) -> list[float]:
        """The x of each sample; wall time in milliseconds since 1970, as plotly takes it."""
        if self._view.x in COUNTED:
            return [self._count_at(step) for step in columns.step]
        if self._view.x == "wall":
            return [round(at * 1000.0) for at in columns.at]
        if self._view.x == "relative":
            start = self._start
            return [round((at - start) / self._view.unit_s, 4) for at in columns.at]
        return list(columns.step)

    def place(self, step: int, at: datetime) -> float:
        """The x of something that happened."""
        return self.places(Columns(step=[step], at=[at.timestamp()]))[0]

    def steps(self, coarse: Columns) -> StepRange | None:
        """The steps whose samples lie in the view's range, with one sample to spare on either side.

        None: all of them, or the range holds none.
        """
        if self._view.range is None or not len(coarse):
            return None
        factor = 1000.0 if self._view.x == "wall" else 1.0
        low, high = (end * factor for end in self._view.range)
        places = self.places(coarse)
        first, last = bisect_left(places, low) - 1, bisect_right(places, high)
        if first + 1 > len(places) - 1 or last == 0:
            return None
        begin = coarse.step[first] if first >= 0 else coarse.step[0]
        # A sample stands at its last step: the one before it ends just below.
        return begin, coarse.step[min(last, len(places) - 1)]

    @property
    def _start(self) -> float:
        return self._view.started.timestamp() if self._view.started is not None else 0.0

    def _count_at(self, step: int) -> float:
        """What had been counted by this step."""
        place = bisect_right(self._steps, step)
        return (self._counts[place - 1] or 0.0) if place else 0.0


def read_end(x: str, word: str) -> float | None:
    """One end of a range out of an address: a number, or for wall time a date as plotly writes it. None: unreadable."""
    try:
        if x == "wall" and "-" in word[1:]:
            moment = datetime.fromisoformat(word)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        value = float(word)
    except (ValueError, OverflowError):
        return None
    if x == "wall":
        value /= 1000.0
    return value if abs(value) < 1e15 else None
