"""What a film is made of, and which moments of it are shown. Plain data; pictures are fetched when they are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from arpo_engine.contract.actions import Action

Tone = Literal["", "good", "warn", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One screen of an episode, and what was done to it."""

    size: tuple[int, int]
    """Pixels of the screen as it was recorded; (0, 0) where that is not known."""
    picture: Callable[[], bytes | None]
    """The encoded screenshot; None where it is not there (any more)."""
    missing: str = "No screenshot was kept of this step."
    """What is said instead of a picture that is not there."""
    action: Action | None = None
    did: str = ""
    """The action in words."""
    thought: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One episode."""

    who: str
    """Whose it is, such as `First steps, step 10`."""
    shots: tuple[Shot, ...]
    """Its steps in order."""
    final: Shot
    """The desktop as it was scored."""
    outcome: str
    tone: Tone = ""
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reel:
    """One episode, or two beside each other."""

    instruction: str
    sides: tuple[Side, ...]

    @property
    def length(self) -> int:
        """Steps of the longest side; the end comes after them."""
        return max(len(side.shots) for side in self.sides)


def moments(length: int, most: int) -> list[int]:
    """Which steps are shown of an episode of this length, the end (`length`) last: all, or each n-th of them.

    The first step, the last one and the end are always among them, and no more than `most` (at least 3) in all.
    """
    if length + 1 <= most:
        return list(range(length + 1))
    every = -(-(length - 1) // (most - 2))
    return sorted({*range(0, length - 1, every), length - 1, length})


def thinned_to(shown: list[int]) -> int:
    """Every how many steps one is shown; 1 where all are."""
    return max((later - sooner for sooner, later in pairwise(shown)), default=1)
