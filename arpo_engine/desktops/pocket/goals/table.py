"""Sub-goals on the Table page."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from arpo_engine.desktops.pocket.apps import TablePage
from arpo_engine.desktops.pocket.goals import base
from arpo_engine.desktops.pocket.goals.base import Goal, Move, click, write
from arpo_engine.desktops.pocket.screen import Screen

APP = "Table"


def _page(screen: Screen) -> TablePage:
    return cast(TablePage, screen.pages[APP])


def _now(screen: Screen) -> dict[str, list[str]]:
    """The table as shown while the page is open, else as stored."""
    return _page(screen).grid.table() if screen.stored.app == APP else screen.stored.table


def cell_is(row: str, column: str, value: str) -> Goal:
    """A cell of the table holds a value."""

    def met(screen: Screen) -> bool:
        table = _now(screen)
        return row in table and table[row][screen.stored.columns.index(column)] == value

    def move(screen: Screen) -> Move | None:
        grid = _page(screen).grid
        if grid.chosen_cell() != (row, column) or screen.focus_widget is not grid:
            return click(screen, f"{row} {column}")
        return write(value)

    return Goal(name="cell", app=APP, met=met, move=move, moves=2)


def row_chosen(row: str) -> Goal:
    """A row is chosen, or is gone."""

    def met(screen: Screen) -> bool:
        return row not in _now(screen) or (screen.stored.app == APP and _page(screen).grid.chosen_row() == row)

    return Goal(name="choose", app=APP, met=met, move=lambda screen: click(screen, row))


def row_gone(row: str) -> Goal:
    """A row is no longer shown."""
    return Goal(
        name="delete",
        app=APP,
        met=lambda screen: row not in _now(screen),
        move=lambda screen: click(screen, "Delete"),
    )


def nothing_else(*, cells: Collection[tuple[str, str]] = (), gone: str = "") -> Goal:
    """Nothing is shown as changed but what was asked for; closing the page forgets what was not saved."""

    def stray(screen: Screen) -> str | None:
        shown, stored, columns = _now(screen), screen.stored.table, screen.stored.columns
        for row, values in stored.items():
            if row == gone:
                continue
            if row not in shown:
                return "Close"
            changed = [name for name, old, new in zip(columns, values, shown[row], strict=True) if old != new]
            if any((row, column) not in cells for column in changed):
                return "Close"
        return None

    return base.undone(APP, stray)


def table_saved() -> Goal:
    """The table is stored as it is shown."""
    return base.saved(APP, lambda screen: _page(screen).unsaved())
