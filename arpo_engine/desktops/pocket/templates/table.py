"""Tasks on the Table page."""

from __future__ import annotations

import random
from typing import Any

from arpo_engine.desktops.pocket.goals import Goal
from arpo_engine.desktops.pocket.goals import table as goals
from arpo_engine.desktops.pocket.state import InitialState
from arpo_engine.desktops.pocket.templates.base import Compose, Draft, Template, Unfit, draft, pick, shown
from arpo_engine.desktops.pocket.vocabulary import Pool

APPS = ("Table",)


def _cells(instruction: str, count: int) -> Compose:
    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        rows, columns = shown(pool.rows, state.table), shown(pool.columns, state.columns)
        if len(rows) * len(columns) < count:
            raise Unfit
        words: list[str] = []
        values: dict[str, Any] = {}
        for row, column in rng.sample([(row, column) for row in rows for column in columns], count):
            now = state.table[row][state.columns.index(column)]
            (value,) = pick(rng, [value for value in pool.values if value != now])
            words += [row, column, value]
            values[f"table.{row}.{column}"] = value
        return draft(instruction.format(*words), words, state, values)

    return compose


def _cell_goals(*words: str) -> list[Goal]:
    cells = [words[at : at + 3] for at in range(0, len(words), 3)]
    filled = [goals.cell_is(row, column, value) for row, column, value in cells]
    kept = goals.nothing_else(cells={(row, column) for row, column, _ in cells})
    return [*filled, kept, goals.table_saved()]


def _delete_row(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    (row,) = pick(rng, shown(pool.rows, state.table))
    left = [name for name in state.table if name != row]
    allowed = ["table.rows", f"table.{row}"]
    return draft(f"Delete row {row}", [row], state, {"table.rows": left}, allowed=allowed)


def _delete_row_goals(row: str) -> list[Goal]:
    return [goals.row_chosen(row), goals.row_gone(row), goals.nothing_else(gone=row), goals.table_saved()]


TEMPLATES = (
    Template(name="set-cell", apps=APPS, compose=_cells("Set {} {} to {}", 1), goals=_cell_goals),
    Template(
        name="set-two-cells",
        apps=APPS,
        compose=_cells("Set {} {} to {} and {} {} to {}", 2),
        goals=_cell_goals,
    ),
    Template(name="delete-row", apps=APPS, compose=_delete_row, goals=_delete_row_goals),
)
