"""The kinds of tasks: for each its instruction, how it is scored, and its sub-goals. To add one: an entry in TEMPLATES.

A template draws its words from what the desktop happens to show, never the other way round, so that nothing on the
screen tells which task was given.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from arpo_engine.desktops.pocket import goals
from arpo_engine.desktops.pocket.evaluators import only_changes
from arpo_engine.desktops.pocket.goals import Goal
from arpo_engine.desktops.pocket.state import InitialState
from arpo_engine.desktops.pocket.vocabulary import APPS, Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A template with its words filled in."""

    instruction: str
    words: tuple[str, ...]
    state: InitialState
    evaluator: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One kind of task."""

    name: str
    apps: tuple[str, ...]
    compose: Callable[[InitialState, random.Random, Pool], Draft]
    """Raises `Unfit` when this state or pool cannot carry such a task."""
    goals: Callable[..., list[Goal]]
    """The sub-goals, from the draft's words."""
    infeasible: bool = field(default=False)


class Unfit(Exception):
    """The drawn state cannot carry this kind of task; draw another."""


INFEASIBLE: dict[str, Any] = {"func": "infeasible"}


def _pick(rng: random.Random, words: Sequence[str], count: int = 1) -> list[str]:
    if len(words) < count:
        raise Unfit
    return rng.sample(sorted(words), count)


def _shown(pool: Sequence[str], shown: Sequence[str] | dict[str, Any]) -> list[str]:
    return [word for word in pool if word in shown]


def _hidden(pool: Sequence[str], shown: Sequence[str] | dict[str, Any]) -> list[str]:
    return [word for word in pool if word not in shown]


def _with_options(state: InitialState, **on: bool) -> InitialState:
    return state.model_copy(update={"options": {**state.options, **on}})


def _draft(
    instruction: str, words: Sequence[str], state: InitialState, allowed: Sequence[str], values: dict[str, Any]
) -> Draft:
    return Draft(instruction=instruction, words=tuple(words), state=state, evaluator=only_changes(allowed, values))


def _stored(values: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    return list(values), values


# -- Setup -----------------------------------------------------------------------------------------------------------


def _options(instruction: str, *wanted: bool) -> Callable[[InitialState, random.Random, Pool], Draft]:
    """Check boxes to bring from the opposite state into the wanted one."""

    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        words = _pick(rng, _shown(pool.options, state.options), len(wanted))
        start = {word: not on for word, on in zip(words, wanted, strict=True)}
        values = {f"options.{word}": on for word, on in zip(words, wanted, strict=True)}
        return _draft(instruction.format(*words), words, _with_options(state, **start), *_stored(values))

    return compose


def _option_goals(*wanted: bool) -> Callable[..., list[Goal]]:
    def plan(*words: str) -> list[Goal]:
        pairs = zip(words, wanted, strict=True)
        return [*(goals.option_is(word, on) for word, on in pairs), goals.saved("Setup")]

    return plan


def _new_level(state: InitialState, rng: random.Random, pool: Pool) -> str:
    return _pick(rng, [level for level in pool.levels if level != str(state.level)])[0]


def _new_color(state: InitialState, rng: random.Random, pool: Pool) -> str:
    return _pick(rng, [color for color in _shown(pool.colors, state.colors) if color != state.color])[0]


def _level(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    level = _new_level(state, rng, pool)
    return _draft(f"Set Level to {level}", [level], state, *_stored({"level": int(level)}))


def _color(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    color = _new_color(state, rng, pool)
    return _draft(f"Set Color to {color}", [color], state, *_stored({"color": color}))


def _level_option(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    level, (word,) = _new_level(state, rng, pool), _pick(rng, _shown(pool.options, state.options))
    values = {"level": int(level), f"options.{word}": True}
    begin = _with_options(state, **{word: False})
    return _draft(f"Set Level to {level} and turn on {word}", [level, word], begin, *_stored(values))


def _color_option(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    color, (word,) = _new_color(state, rng, pool), _pick(rng, _shown(pool.options, state.options))
    values = {"color": color, f"options.{word}": True}
    begin = _with_options(state, **{word: False})
    return _draft(f"Set Color to {color} and turn on {word}", [color, word], begin, *_stored(values))


# -- Notes -----------------------------------------------------------------------------------------------------------


def _note(instruction: str, *, count: int, begins: bool) -> Callable[[InitialState, random.Random, Pool], Draft]:
    """A note of `count` words in the place of none, or of another one."""

    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        words = _pick(rng, pool.texts, count + begins)
        text = " ".join(words[:count])
        begin = state.model_copy(update={"note": words[-1] if begins else ""})
        return _draft(instruction.format(text), words[:count], begin, *_stored({"note": text}))

    return compose


def _note_goals(*words: str) -> list[Goal]:
    return [goals.note_is(" ".join(words)), goals.saved("Notes")]


# -- Files -----------------------------------------------------------------------------------------------------------


def _open_file(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    (name,) = _pick(rng, _shown(pool.files, state.files))
    return _draft(f"Open file {name}", [name], state, *_stored({"opened_file": name}))


def _delete_files(instruction: str, count: int) -> Callable[[InitialState, random.Random, Pool], Draft]:
    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        names = _pick(rng, _shown(pool.files, state.files), count)
        left = [name for name in state.files if name not in names]
        return _draft(instruction.format(*names), names, state, *_stored({"files": left}))

    return compose


def _delete_goals(*names: str) -> list[Goal]:
    steps = (goals.file_chosen, goals.deletion_asked, goals.deletion_confirmed)
    return [step(name) for name in names for step in steps]


def _rename_file(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    (name,), (new,) = _pick(rng, _shown(pool.files, state.files)), _pick(rng, _hidden(pool.files, state.files))
    renamed = [new if file == name else file for file in state.files]
    return _draft(f"Rename file {name} to {new}", [name, new], state, *_stored({"files": renamed}))


def _rename_goals(name: str, new: str) -> list[Goal]:
    typed = goals.new_name_typed(name, new)
    return [goals.file_chosen(name), goals.rename_asked(name), typed, goals.rename_accepted(new)]


# -- Mail ------------------------------------------------------------------------------------------------------------


def _mail(instruction: str, *, about: bool, copy: bool) -> Callable[[InitialState, random.Random, Pool], Draft]:
    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        (person,), (text,) = _pick(rng, _shown(pool.people, state.people)), _pick(rng, pool.texts)
        words = [person, text] if about else [person]
        mail = {"to": person, "about": text if about else "", "copy": copy}
        return _draft(instruction.format(*words), words, state, *_stored({"sent": [mail]}))

    return compose


def _mail_goals(*, copy: bool) -> Callable[..., list[Goal]]:
    def plan(person: str, about: str = "") -> list[Goal]:
        subject = [goals.mail_about(about)] if about else []
        return [goals.mail_to(person), *subject, *([goals.mail_copy()] if copy else []), goals.mail_sent()]

    return plan


# -- Table -----------------------------------------------------------------------------------------------------------


def _cells(instruction: str, count: int) -> Callable[[InitialState, random.Random, Pool], Draft]:
    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        rows, columns = _shown(pool.rows, state.table), _shown(pool.columns, state.columns)
        if len(rows) * len(columns) < count:
            raise Unfit
        places = rng.sample([(row, column) for row in rows for column in columns], count)
        words: list[str] = []
        values: dict[str, Any] = {}
        for row, column in places:
            now = state.table[row][state.columns.index(column)]
            (value,) = _pick(rng, [value for value in pool.values if value != now])
            words += [row, column, value]
            values[f"table.{row}.{column}"] = value
        return _draft(instruction.format(*words), words, state, *_stored(values))

    return compose


def _cell_goals(*words: str) -> list[Goal]:
    cells = [goals.cell_is(*words[at : at + 3]) for at in range(0, len(words), 3)]
    return [*cells, goals.saved("Table")]


def _delete_row(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    (row,) = _pick(rng, _shown(pool.rows, state.table))
    left = [name for name in state.table if name != row]
    return _draft(f"Delete row {row}", [row], state, ["table.rows", f"table.{row}"], {"table.rows": left})


# -- Several applications, or none -----------------------------------------------------------------------------------


def _open_app(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    (app,) = _pick(rng, APPS)
    return _draft(f"Open app {app}", [app], state, *_stored({"app": app}))


def _then_app(
    first: Callable[[InitialState, random.Random, Pool], Draft], here: str
) -> Callable[[InitialState, random.Random, Pool], Draft]:
    """Another task, and then an application to be left open."""

    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        draft = first(state, rng, pool)
        (app,) = _pick(rng, [name for name in APPS if name != here])
        found = draft.evaluator
        evaluator = {
            **found,
            "func": ["equals", *found["func"]],
            "result": [{"type": "pocket_value", "path": "app"}, *found["result"]],
            "expected": [{"type": "rule", "rules": {"expected": app}}, *found["expected"]],
        }
        instruction = f"{draft.instruction} and open app {app}"
        return Draft(instruction=instruction, words=(*draft.words, app), state=draft.state, evaluator=evaluator)

    return compose


def _missing(
    instruction: str, candidates: Callable[[InitialState, Pool], list[str]]
) -> Callable[[InitialState, random.Random, Pool], Draft]:
    """Something is asked of a thing that is not there."""

    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        (word,) = _pick(rng, candidates(state, pool))
        return Draft(instruction=instruction.format(word), words=(word,), state=state, evaluator=INFEASIBLE)

    return compose


def _look_in(app: str) -> Callable[..., list[Goal]]:
    return lambda _word: [goals.app_open(app, forgettable=False)]


_one_on = _options("Turn on {}", True)
_one_mail = _mail("Send mail to {}", about=False, copy=False)

_ALL = (
    Template(name="open-app", apps=("Home",), compose=_open_app, goals=lambda app: [goals.app_open(app)]),
    Template(name="turn-on", apps=("Setup",), compose=_one_on, goals=_option_goals(True)),
    Template(
        name="turn-off", apps=("Setup",), compose=_options("Turn off {}", False), goals=_option_goals(False)
    ),
    Template(
        name="turn-on-two", apps=("Setup",), compose=_options("Turn on {} and {}", True, True),
        goals=_option_goals(True, True),
    ),
    Template(
        name="swap-options", apps=("Setup",), compose=_options("Turn on {} and turn off {}", True, False),
        goals=_option_goals(True, False),
    ),
    Template(
        name="set-level", apps=("Setup",), compose=_level,
        goals=lambda level: [goals.level_is(level), goals.saved("Setup")],
    ),
    Template(
        name="set-color", apps=("Setup",), compose=_color,
        goals=lambda color: [goals.color_is(color), goals.saved("Setup")],
    ),
    Template(
        name="level-and-option", apps=("Setup",), compose=_level_option,
        goals=lambda level, word: [goals.level_is(level), goals.option_is(word, True), goals.saved("Setup")],
    ),
    Template(
        name="color-and-option", apps=("Setup",), compose=_color_option,
        goals=lambda color, word: [goals.color_is(color), goals.option_is(word, True), goals.saved("Setup")],
    ),
    Template(
        name="write-note", apps=("Notes",), compose=_note("Write note {}", count=1, begins=False), goals=_note_goals
    ),
    Template(
        name="write-note-two", apps=("Notes",), compose=_note("Write note {}", count=2, begins=False),
        goals=_note_goals,
    ),
    Template(
        name="clear-note", apps=("Notes",), compose=_note("Clear note", count=0, begins=True), goals=_note_goals
    ),
    Template(
        name="change-note", apps=("Notes",), compose=_note("Change note to {}", count=1, begins=True),
        goals=_note_goals,
    ),
    Template(
        name="open-file", apps=("Files",), compose=_open_file,
        goals=lambda name: [goals.file_chosen(name), goals.file_opened(name)],
    ),
    Template(name="delete-file", apps=("Files",), compose=_delete_files("Delete file {}", 1), goals=_delete_goals),
    Template(
        name="delete-two-files", apps=("Files",), compose=_delete_files("Delete file {} and {}", 2),
        goals=_delete_goals,
    ),
    Template(name="rename-file", apps=("Files",), compose=_rename_file, goals=_rename_goals),
    Template(name="send-mail", apps=("Mail",), compose=_one_mail, goals=_mail_goals(copy=False)),
    Template(
        name="send-mail-about", apps=("Mail",), compose=_mail("Send mail to {} about {}", about=True, copy=False),
        goals=_mail_goals(copy=False),
    ),
    Template(
        name="send-mail-copy", apps=("Mail",), compose=_mail("Send mail to {} with copy", about=False, copy=True),
        goals=_mail_goals(copy=True),
    ),
    Template(
        name="send-mail-about-copy", apps=("Mail",),
        compose=_mail("Send mail to {} about {} with copy", about=True, copy=True), goals=_mail_goals(copy=True),
    ),
    Template(name="set-cell", apps=("Table",), compose=_cells("Set {} {} to {}", 1), goals=_cell_goals),
    Template(
        name="set-two-cells", apps=("Table",), compose=_cells("Set {} {} to {} and {} {} to {}", 2),
        goals=_cell_goals,
    ),
    Template(
        name="delete-row", apps=("Table",), compose=_delete_row,
        goals=lambda row: [goals.row_chosen(row), goals.row_gone(row), goals.saved("Table")],
    ),
    Template(
        name="turn-on-and-open-app", apps=("Setup", "Home"), compose=_then_app(_one_on, "Setup"),
        goals=lambda word, app: [*_option_goals(True)(word), goals.app_open(app)],
    ),
    Template(
        name="send-mail-and-open-app", apps=("Mail", "Home"), compose=_then_app(_one_mail, "Mail"),
        goals=lambda person, app: [*_mail_goals(copy=False)(person), goals.app_open(app)],
    ),
    Template(
        name="open-file-and-open-app", apps=("Files", "Home"), compose=_then_app(_open_file, "Files"),
        goals=lambda name, app: [goals.file_chosen(name), goals.file_opened(name), goals.app_open(app)],
    ),
    Template(
        name="turn-on-missing", apps=("Setup",), infeasible=True, goals=_look_in("Setup"),
        compose=_missing("Turn on {}", lambda state, pool: _hidden(pool.options, state.options)),
    ),
    Template(
        name="set-color-missing", apps=("Setup",), infeasible=True, goals=lambda _word: [goals.colors_seen()],
        compose=_missing("Set Color to {}", lambda state, pool: _hidden(pool.colors, state.colors)),
    ),
    Template(
        name="open-file-missing", apps=("Files",), infeasible=True, goals=_look_in("Files"),
        compose=_missing("Open file {}", lambda state, pool: _hidden(pool.files, state.files)),
    ),
    Template(
        name="delete-row-missing", apps=("Table",), infeasible=True, goals=_look_in("Table"),
        compose=_missing("Delete row {}", lambda state, pool: _hidden(pool.rows, state.table)),
    ),
)  # fmt: skip

TEMPLATES: dict[str, Template] = {template.name: template for template in _ALL}
"""Every kind of task by its name."""
