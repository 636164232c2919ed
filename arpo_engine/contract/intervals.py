"""How sure a share from few tries is. The engine and the pages say it with the same numbers."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054
"""Quantile of the normal distribution that leaves 2.5 % on either side."""


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
