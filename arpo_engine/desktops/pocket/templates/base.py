"""What a template is, and how words are drawn for it."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from arpo_engine.desktops.pocket.evaluators import only_changes
from arpo_engine.desktops.pocket.goals import Goal
from arpo_engine.desktops.pocket.state import InitialState
from arpo_engine.desktops.pocket.vocabulary import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A template with its words filled in."""

    instruction: str
    words: tuple[str, ...]
    state: InitialState
    evaluator: dict[str, Any]


Compose = Callable[[InitialState, random.Random, Pool], Draft]
"""Makes a draft for a drawn desktop; raises `Unfit` when that cannot carry such a task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One kind of task."""

    name: str
    apps: tuple[str, ...]
    compose: Compose
    goals: Callable[..., list[Goal]]
    """The sub-goals, from the draft's words."""
    infeasible: bool = False


class Unfit(Exception):
    """The drawn desktop cannot carry this kind of task; draw another."""


def pick(rng: random.Random, words: Sequence[str], count: int = 1) -> list[str]:
    """Draw different words, or find the desktop unfit."""
    if len(words) < count:
        raise Unfit
    return rng.sample(sorted(words), count)


def shown(pool: Sequence[str], on_screen: Collection[str]) -> list[str]:
    """The pool's words that the desktop shows."""
    return [word for word in pool if word in on_screen]


def hidden(pool: Sequence[str], on_screen: Collection[str]) -> list[str]:
    """The pool's words that the desktop does not show."""
    return [word for word in pool if word not in on_screen]


def draft(
    instruction: str,
    words: Sequence[str],
    state: InitialState,
    values: dict[str, Any],
    *,
    allowed: Sequence[str] | None = None,
) -> Draft:
    """A task that is done when `values` are stored and nothing else has changed (but what is `allowed`)."""
    evaluator = only_changes(list(values) if allowed is None else allowed, values)
    return Draft(instruction=instruction, words=tuple(words), state=state, evaluator=evaluator)
