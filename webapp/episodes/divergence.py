"""Where tries of one task part ways: the first step at which an agent did something else. Knows actions, no rows.

Two actions are alike when they are of one kind with the same words and keys, and their places lie within a fiftieth of
the screen's longer side: a button is clicked here or a few pixels further, and it is the same click.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NEAR = 0.02
"""Of the screen's longer side: places that are nearer than this are the same place."""
UNKNOWN_SCREEN = 1000
"""Pixels of the longer side where a step came without a screenshot."""
PLACES = ("x", "y", "to_x", "to_y")

Action = Mapping[str, Any] | None


def alike(one: Action, other: Action, screen: int = 0) -> bool:
    """Whether the two do the same on a screen of this longer side (pixels)."""
    if one is None or other is None:
        return one is None and other is None
    if one.get("kind") == "several" and other.get("kind") == "several":
        return _all_alike(one.get("actions", ()), other.get("actions", ()), screen)
    if any(_rest(one).get(key) != _rest(other).get(key) for key in _rest(one).keys() | _rest(other).keys()):
        return False
    near = NEAR * (screen or UNKNOWN_SCREEN)
    return all(_near(one.get(place), other.get(place), near) for place in PLACES)


def parts_at(one: Sequence[Action], other: Sequence[Action], screen: int = 0) -> int | None:
    """The first place at which the two differ; None when they did the same to the end of both."""
    for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if not alike(mine, theirs, screen):
            return place
    return None if len(one) == len(other) else min(len(one), len(other))


def _all_alike(ones: Sequence[Action], others: Sequence[Action], screen: int) -> bool:
    return len(ones) == len(others) and all(alike(a, b, screen) for a, b in zip(ones, others, strict=True))


def _rest(action: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in action.items() if key not in PLACES}


def _near(one: object, other: object, near: float) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= near
    return one == other
