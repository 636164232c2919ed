"""Table: values under named rows and columns, stored by Save."""

from __future__ import annotations

from arpo_engine.desktops.pocket.qt import (
    QWidget,
)
from arpo_engine.desktops.pocket.screen import Page, Screen
from arpo_engine.desktops.pocket.views import ValueGrid
from arpo_engine.desktops.pocket.vocabulary import HOME
from arpo_engine.desktops.pocket.widgets import Tile


class TablePage(Page):
    """The chosen cell takes what is typed; Delete takes its row out."""

    name = "Table"
    layout_name = "table"

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self.grid = ValueGrid(self)
        self._delete = Tile(self, "Delete", self.grid.remove_chosen_row)
        self._save = Tile(self, "Save", self.save)
        self._close = Tile(self, "Close", lambda: screen.open(HOME))

    def placed(self) -> dict[str, QWidget]:
        """Grid and buttons."""
        return {"G": self.grid, "D": self._delete, "S": self._save, "X": self._close}

    def load(self) -> None:
        """Show the stored table."""
        self.grid.show_values(self.screen_.stored.columns, self.screen_.stored.table)

    def save(self) -> None:
        """Store the table as it is shown."""
        self.screen_.stored.table = self.grid.table()
        self.screen_.note_save("Save")

    def unsaved(self) -> bool:
        """Whether the table shown is not stored."""
        return self.grid.table() != self.screen_.stored.table
