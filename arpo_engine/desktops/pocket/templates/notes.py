"""Tasks on the Notes page."""

from __future__ import annotations

import random

from arpo_engine.desktops.pocket.goals import Goal
from arpo_engine.desktops.pocket.goals import notes as goals
from arpo_engine.desktops.pocket.state import InitialState
from arpo_engine.desktops.pocket.templates.base import Compose, Draft, Template, draft, pick
from arpo_engine.desktops.pocket.vocabulary import Pool

APPS = ("Notes",)


def _note(instruction: str, *, count: int, begins: bool) -> Compose:
    """A note of `count` words in the place of none, or of another one."""

    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        words = pick(rng, pool.texts, count + begins)
        text = " ".join(words[:count])
        begin = state.model_copy(update={"note": words[-1] if begins else ""})
        return draft(instruction.format(text), words[:count], begin, {"note": text})

    return compose


def _goals(*words: str) -> list[Goal]:
    return [goals.note_is(" ".join(words)), goals.note_saved()]


TEMPLATES = (
    Template(name="write-note", apps=APPS, compose=_note("Write note {}", count=1, begins=False), goals=_goals),
    Template(name="write-note-two", apps=APPS, compose=_note("Write note {}", count=2, begins=False), goals=_goals),
    Template(name="clear-note", apps=APPS, compose=_note("Clear note", count=0, begins=True), goals=_goals),
    Template(name="change-note", apps=APPS, compose=_note("Change note to {}", count=1, begins=True), goals=_goals),
)
