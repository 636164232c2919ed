"""Pieces of work shared out so that the parts weigh alike: the trajectories of a pass, of a rank. Knows only weights.

The heaviest piece goes first, each to the part that is lightest so far (Graham's longest processing time; never more
than 4/3 of the best). The answer depends on the weights alone, so that every rank comes to the same by itself.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence


def balanced(weights: Sequence[int], parts: int) -> list[list[int]]:
    """Places in `weights`, each in one of `parts` lists whose sums are alike; a list is in ascending order.

    With fewer pieces than parts the last lists are empty; otherwise none is, unless weights are 0.

    Raises:
        ValueError: there is no part, or a weight is negative.
    """
    if parts < 1:
        raise ValueError(f"work cannot be shared out among {parts} parts; give 1 or more")
    if any(weight < 0 for weight in weights):
        raise ValueError(f"a piece of work weighs {min(weights)}; give weights of 0 or more")
    chosen: list[list[int]] = [[] for _ in range(parts)]
    lightest = [(0, part) for part in range(parts)]
    for place in sorted(range(len(weights)), key=lambda place: (-weights[place], place)):
        weight, part = heapq.heappop(lightest)
        chosen[part].append(place)
        heapq.heappush(lightest, (weight + weights[place], part))
    return [sorted(places) for places in chosen]


def within(weights: Sequence[int], most: int) -> list[list[int]]:
    """As few parts of alike sums as hold at most `most` each; a piece that weighs more is a part of its own.

    Raises:
        ValueError: `most` is not positive, or a weight is negative.
    """
    if most < 1:
        raise ValueError(f"a part cannot hold at most {most}; give 1 or more")
    single = [[place] for place, weight in enumerate(weights) if weight >= most]
    rest = [place for place, weight in enumerate(weights) if weight < most]
    small = [weights[place] for place in rest]
    # Fewer parts than this cannot hold them; as many as there are pieces always do.
    for parts in range(max(1, math.ceil(sum(small) / most)), len(small) + 1):
        shared = balanced(small, parts)
        if max(sum(small[place] for place in part) for part in shared) <= most:
            return sorted(single + [[rest[place] for place in part] for part in shared if part])
    return single
