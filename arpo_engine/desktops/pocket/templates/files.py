"""Tasks on the Files page."""

from __future__ import annotations

import random

from arpo_engine.desktops.pocket.goals import Goal
from arpo_engine.desktops.pocket.goals import files as goals
from arpo_engine.desktops.pocket.state import InitialState
from arpo_engine.desktops.pocket.templates.base import Compose, Draft, Template, draft, hidden, pick, shown
from arpo_engine.desktops.pocket.vocabulary import Pool

APPS = ("Files",)


def open_file(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    """A file to open."""
    (name,) = pick(rng, shown(pool.files, state.files))
    return draft(f"Open file {name}", [name], state, {"opened_file": name})


def open_goals(name: str) -> list[Goal]:
    """Choose it, open it."""
    return [goals.file_chosen(name), goals.file_opened(name)]


def _delete(instruction: str, count: int) -> Compose:
    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        names = pick(rng, shown(pool.files, state.files), count)
        left = [name for name in state.files if name not in names]
        return draft(instruction.format(*names), names, state, {"files": left})

    return compose


def _delete_goals(*names: str) -> list[Goal]:
    steps = (goals.file_chosen, goals.deletion_asked, goals.deletion_confirmed)
    return [step(name) for name in names for step in steps]


def _rename(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    (name,), (new,) = pick(rng, shown(pool.files, state.files)), pick(rng, hidden(pool.files, state.files))
    renamed = [new if file == name else file for file in state.files]
    return draft(f"Rename file {name} to {new}", [name, new], state, {"files": renamed})


def _rename_goals(name: str, new: str) -> list[Goal]:
    typed = goals.new_name_typed(name, new)
    return [goals.file_chosen(name), goals.rename_asked(name), typed, goals.rename_accepted(new)]


TEMPLATES = (
    Template(name="open-file", apps=APPS, compose=open_file, goals=open_goals),
    Template(name="delete-file", apps=APPS, compose=_delete("Delete file {}", 1), goals=_delete_goals),
    Template(name="delete-two-files", apps=APPS, compose=_delete("Delete file {} and {}", 2), goals=_delete_goals),
    Template(name="rename-file", apps=APPS, compose=_rename, goals=_rename_goals),
)
