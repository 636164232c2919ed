"""What can be said about a success rate from few tries: pass@k, Wilson's interval, mean and spread. Pure numbers.

Knows counts; knows no tasks, no episodes and no files.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

Z_95 = 1.959963984540054
"""Quantile of the normal distribution that leaves 2.5 % on either side."""


def pass_at_k(attempts: int, successes: int, k: int) -> float:
    """Chance that at least one of `k` tries of a task succeeds, from `successes` in `attempts` tries of it.

    The unbiased estimate 1 - C(n-c, k) / C(n, k) of Chen et al. 2021 (arXiv 2107.03374, equation 1); the power
    1 - (1 - c/n)^k would be too low.

    Raises:
        ValueError: there are fewer attempts than `k`, or counts that cannot be.
    """
    if not 1 <= k <= attempts or not 0 <= successes <= attempts:
        raise ValueError(
            f"pass@{k} of {successes} successes in {attempts} attempts cannot be estimated; it needs at least {k} "
            "attempts, and no more successes than attempts"
        )
    return 1.0 - math.comb(attempts - successes, k) / math.comb(attempts, k)


def wilson(successes: int, attempts: int, z: float = Z_95) -> tuple[float, float] | None:
    """Wilson's score interval (1927) of a share, 95 % by default; None where nothing was tried.

    Unlike mean ± 1.96 standard errors it stays inside [0, 1] and is not empty at 0 of n or n of n.
    """
    if attempts == 0:
        return None
    share, square = successes / attempts, z * z
    centre = (share + square / (2 * attempts)) / (1 + square / attempts)
    half = z / (1 + square / attempts) * math.sqrt(share * (1 - share) / attempts + square / (4 * attempts**2))
    # The ends are exact where the share is: rounding would put them a hair inside.
    return (
        0.0 if successes == 0 else max(0.0, centre - half),
        1.0 if successes == attempts else min(1.0, centre + half),
    )


def mean_and_sd(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation (n - 1); None where there are too few values for one."""
    mean = statistics.fmean(values) if values else None
    return mean, statistics.stdev(values) if len(values) > 1 else None
