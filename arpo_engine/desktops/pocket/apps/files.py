"""Files: a list whose entries can be opened, renamed and, when confirmed, deleted. Every change is stored at once."""

from __future__ import annotations

from arpo_engine.desktops.pocket.drawing import CELL
from arpo_engine.desktops.pocket.qt import (
    QPoint,
    QWidget,
)
from arpo_engine.desktops.pocket.screen import Page, Screen
from arpo_engine.desktops.pocket.views import NameList
from arpo_engine.desktops.pocket.vocabulary import HOME
from arpo_engine.desktops.pocket.widgets import Tile


class FilesPage(Page):
    """Buttons act on the chosen file; with none chosen they do nothing."""

    name = "Files"
    layout_name = "files"

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self.files = NameList(self, opened=self.open_chosen, menu=self._open_menu)
        self._open = Tile(self, "Open", self.open_chosen)
        self._rename = Tile(self, "Rename", self.rename_chosen)
        self._delete = Tile(self, "Delete", self.delete_chosen)
        self._close = Tile(self, "Close", lambda: screen.open(HOME))

    def placed(self) -> dict[str, QWidget]:
        """List and buttons."""
        buttons: dict[str, QWidget] = {"O": self._open, "N": self._rename, "D": self._delete, "X": self._close}
        return {"F": self.files, **buttons}

    def load(self) -> None:
        """Show the stored files."""
        self.files.show_names(self.screen_.stored.files)

    def open_chosen(self) -> None:
        """Open the chosen file; the title bar names it."""
        name = self.files.chosen()
        if name is not None:
            self.screen_.stored.opened_file = name
            self.screen_.note_save("Open", name)

    def rename_chosen(self) -> None:
        """Ask for the chosen file's new name."""
        name = self.files.chosen()
        if name is not None:
            self.screen_.ask_name(name, lambda new: self._rename_to(name, new))

    def delete_chosen(self) -> None:
        """Delete the chosen file when that is confirmed."""
        name = self.files.chosen()
        if name is not None:
            self.screen_.confirm(name, lambda: self._remove(name))

    def _rename_to(self, name: str, new: str) -> None:
        files = self.screen_.stored.files
        if new and new not in files:
            files[files.index(name)] = new
            self.load()
            self.screen_.note_save("Rename", new)

    def _remove(self, name: str) -> None:
        self.screen_.stored.files.remove(name)
        self.load()
        self.screen_.note_save("Delete", name)

    def _open_menu(self, at: QPoint) -> None:
        place = self.files.mapTo(self.screen_, at)
        actions = {"Open": self.open_chosen, "Rename": self.rename_chosen, "Delete": self.delete_chosen}
        cell = (place.x() // CELL + 1, place.y() // CELL)
        self.screen_.pop_up("menu", tuple(actions), cell, lambda word: actions[word]())
