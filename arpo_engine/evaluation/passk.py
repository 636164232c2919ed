"""What can be said about a success rate from few tries: pass@k, mean and spread. Pure numbers.

Knows counts; knows no tasks, no episodes and no files.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


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


def mean_and_sd(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation (n - 1); None where there are too few values for one."""
    mean = statistics.fmean(values) if values else None
    return mean, statistics.stdev(values) if len(values) > 1 else None
