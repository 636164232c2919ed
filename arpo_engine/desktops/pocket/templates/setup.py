"""Tasks on the Setup page."""

from __future__ import annotations

import random
from collections.abc import Callable

from arpo_engine.desktops.pocket.goals import Goal
from arpo_engine.desktops.pocket.goals import setup as goals
from arpo_engine.desktops.pocket.state import InitialState
from arpo_engine.desktops.pocket.templates.base import Compose, Draft, Template, draft, pick, shown
from arpo_engine.desktops.pocket.vocabulary import Pool

APPS = ("Setup",)


def options(instruction: str, *wanted: bool) -> Compose:
    """Check boxes to bring from the opposite state into the wanted one."""

    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        words = pick(rng, shown(pool.options, state.options), len(wanted))
        begin = _with_options(state, {word: not on for word, on in zip(words, wanted, strict=True)})
        values = {f"options.{word}": on for word, on in zip(words, wanted, strict=True)}
        return draft(instruction.format(*words), words, begin, values)

    return compose


def option_goals(*wanted: bool) -> Callable[..., list[Goal]]:
    """The boxes in the order of the instruction, then Save."""

    def plan(*words: str) -> list[Goal]:
        boxes = [goals.option_is(word, on) for word, on in zip(words, wanted, strict=True)]
        return [*boxes, *goals.kept_and_saved(*words)]

    return plan


def _with_options(state: InitialState, on: dict[str, bool]) -> InitialState:
    return state.model_copy(update={"options": {**state.options, **on}})


def _new_level(state: InitialState, rng: random.Random, pool: Pool) -> str:
    return pick(rng, [level for level in pool.levels if level != str(state.level)])[0]


def _new_color(state: InitialState, rng: random.Random, pool: Pool) -> str:
    return pick(rng, [color for color in shown(pool.colors, state.colors) if color != state.color])[0]


def _level(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    level = _new_level(state, rng, pool)
    return draft(f"Set Level to {level}", [level], state, {"level": int(level)})


def _level_goals(level: str) -> list[Goal]:
    return [goals.level_is(level), *goals.kept_and_saved(level=True)]


def _color(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    color = _new_color(state, rng, pool)
    return draft(f"Set Color to {color}", [color], state, {"color": color})


def _color_goals(color: str) -> list[Goal]:
    return [goals.color_is(color), *goals.kept_and_saved(color=True)]


def _level_option(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    level, (word,) = _new_level(state, rng, pool), pick(rng, shown(pool.options, state.options))
    begin = _with_options(state, {word: False})
    values = {"level": int(level), f"options.{word}": True}
    return draft(f"Set Level to {level} and turn on {word}", [level, word], begin, values)


def _level_option_goals(level: str, word: str) -> list[Goal]:
    return [goals.level_is(level), goals.option_is(word, True), *goals.kept_and_saved(word, level=True)]


def _color_option(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    color, (word,) = _new_color(state, rng, pool), pick(rng, shown(pool.options, state.options))
    begin = _with_options(state, {word: False})
    values = {"color": color, f"options.{word}": True}
    return draft(f"Set Color to {color} and turn on {word}", [color, word], begin, values)


def _color_option_goals(color: str, word: str) -> list[Goal]:
    return [goals.color_is(color), goals.option_is(word, True), *goals.kept_and_saved(word, color=True)]


turn_on = options("Turn on {}", True)

TEMPLATES = (
    Template(name="turn-on", apps=APPS, compose=turn_on, goals=option_goals(True)),
    Template(name="turn-off", apps=APPS, compose=options("Turn off {}", False), goals=option_goals(False)),
    Template(
        name="turn-on-two",
        apps=APPS,
        compose=options("Turn on {} and {}", True, True),
        goals=option_goals(True, True),
    ),
    Template(
        name="swap-options",
        apps=APPS,
        compose=options("Turn on {} and turn off {}", True, False),
        goals=option_goals(True, False),
    ),
    Template(name="set-level", apps=APPS, compose=_level, goals=_level_goals),
    Template(name="set-color", apps=APPS, compose=_color, goals=_color_goals),
    Template(name="level-and-option", apps=APPS, compose=_level_option, goals=_level_option_goals),
    Template(name="color-and-option", apps=APPS, compose=_color_option, goals=_color_option_goals),
)
