"""Numbers with their uncertainty, and differences of two of them. Pure arithmetic: knows no run and no page.

Rates have Wilson's interval (1927), differences of rates Newcombe's hybrid of two of them (1998, method 10). A mean of
a curve has the interval of batch means: neighbouring steps are alike, so the spread is taken between stretches of
steps and not between steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from arpo_engine.contract.intervals import wilson

How = Literal["wilson", "newcombe", "batch means", "none"]

LEAST_BATCHES: Final = 5
"""With fewer stretches their spread says too little, and no interval is given."""
STUDENT_975: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Quantiles of Student's t by degrees of freedom from 1 on; beyond 30 the normal one serves."""
NORMAL_975: Final = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number, its 95 % interval, and how that was made."""

    value: float
    low: float | None
    high: float | None
    how: How
    successes: int | None = None
    tries: int | None = None
    """Of a rate: what it is made of."""
    error: float | None = None
    """Standard error, of what is no rate."""
    freedom: int = 0
    """Degrees of freedom of the standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """How far a number is from the baseline's."""

    value: float
    low: float | None
    high: float | None
    how: How

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@lru_cache(maxsize=20_000)
def bounds(successes: int, tries: int) -> tuple[float, float]:
    """Wilson's interval; everything is possible where nothing was tried."""
    return wilson(successes, tries) or (0.0, 1.0)


def rate(successes: int, tries: int) -> Estimate | None:
    """A rate with its interval; None where nothing was tried."""
    if not tries:
        return None
    low, high = bounds(successes, tries)
    return Estimate(
        value=successes / tries, low=low, high=high, how="wilson", successes=successes, tries=tries
    )  # fmt: skip


def mean_of(batches: Sequence[float], value: float | None = None) -> Estimate | None:
    """The mean of stretches of a curve; `value`, if it is known, is the mean over all steps."""
    if not batches:
        return None
    centre = sum(batches) / len(batches)
    shown = centre if value is None else value
    if len(batches) < LEAST_BATCHES:
        return Estimate(value=shown, low=None, high=None, how="none")
    variance = sum((batch - centre) ** 2 for batch in batches) / (len(batches) - 1)
    error, freedom = math.sqrt(variance / len(batches)), len(batches) - 1
    half = student(freedom) * error
    return Estimate(
        value=shown, low=shown - half, high=shown + half, how="batch means", error=error, freedom=freedom
    )  # fmt: skip


def delta(one: Estimate, baseline: Estimate) -> Delta:
    """`one - baseline`, with an interval where both have one."""
    value = one.value - baseline.value
    if one.how == "wilson" == baseline.how:
        assert one.low is not None and one.high is not None
        assert baseline.low is not None and baseline.high is not None
        below = math.hypot(one.value - one.low, baseline.high - baseline.value)
        above = math.hypot(one.high - one.value, baseline.value - baseline.low)
        return Delta(value=value, low=value - below, high=value + above, how="newcombe")
    if one.error is None or baseline.error is None:
        return Delta(value=value, low=None, high=None, how="none")
    half = _welch(one.error, one.freedom, baseline.error, baseline.freedom)
    return Delta(value=value, low=value - half, high=value + half, how="batch means")


def student(freedom: int) -> float:
    """The quantile that leaves 2.5 % above."""
    return STUDENT_975[freedom - 1] if freedom <= len(STUDENT_975) else NORMAL_975


def _welch(one: float, one_freedom: int, other: float, other_freedom: int) -> float:
    """Half the interval of a difference of means whose spreads differ (Welch and Satterthwaite)."""
    together = one**2 + other**2
    if together == 0:
        return 0.0
    freedom = together**2 / (one**4 / one_freedom + other**4 / other_freedom)
    return student(max(1, int(freedom))) * math.sqrt(together)
