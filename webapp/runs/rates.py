"""Success rates as every page says them: the share with its n/N, how sure it is, and what became of faults.

One place for all pages. Knows no rows and no HTML; `webapp.runs.counting` says which way a person wants faults counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from arpo_engine.contract.intervals import wilson


class Faults(StrEnum):
    """What an infrastructure fault is to a success rate."""

    LEFT_OUT = "left-out"
    """No attempt: nobody knows whether the agent would have solved the task."""
    FAILURES = "failures"
    """A failed attempt, as a benchmark counts that goes by what came out at the end."""

    @property
    def words(self) -> str:
        """As the switch and the notes below tables say it."""
        return "left out" if self is Faults.LEFT_OUT else "counted as failures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Successes of attempts, and of how many attempts nobody knows."""

    successes: int
    attempts: int
    """Scored attempts; faults are not among them."""
    faults: int = 0
    """Attempts lost to something around the agent that were not made again."""
    counting: Faults = Faults.LEFT_OUT

    @property
    def tried(self) -> int:
        """The denominator."""
        return self.attempts + (self.faults if self.counting is Faults.FAILURES else 0)

    @property
    def share(self) -> float | None:
        """In [0, 1]; None where nothing was tried."""
        return self.successes / self.tried if self.tried else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the share (Wilson)."""
        return wilson(self.successes, self.tried)

    @property
    def text(self) -> str:
        """ "37.5 % (27/72)"; never a percentage without its denominator."""
        return "–" if self.share is None else f"{100 * self.share:.1f} % ({self.successes}/{self.tried})"

    @property
    def interval_text(self) -> str:
        """ "27.2 – 49.0 %"."""
        ends = self.interval
        return "–" if ends is None else f"{100 * ends[0]:.1f} – {100 * ends[1]:.1f} %"
