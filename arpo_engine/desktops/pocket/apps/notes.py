"""Notes: one text, stored by Save."""

from __future__ import annotations

from arpo_engine.desktops.pocket.qt import (
    QWidget,
)
from arpo_engine.desktops.pocket.screen import Page, Screen
from arpo_engine.desktops.pocket.vocabulary import HOME
from arpo_engine.desktops.pocket.widgets import TextBox, Tile


class NotesPage(Page):
    """An editor of several lines."""

    name = "Notes"
    layout_name = "notes"

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self.editor = TextBox(self, "Text", lines=2)
        self._save = Tile(self, "Save", self.save)
        self._clear = Tile(self, "Clear", lambda: self.editor.set_text(""))
        self._close = Tile(self, "Close", lambda: screen.open(HOME))

    def placed(self) -> dict[str, QWidget]:
        """Editor and buttons."""
        return {"E": self.editor, "S": self._save, "R": self._clear, "X": self._close}

    def load(self) -> None:
        """Show the stored note."""
        self.editor.set_text(self.screen_.stored.note)

    def save(self) -> None:
        """Store the text."""
        self.screen_.stored.note = self.editor.text()
        self.screen_.note_save("Save")

    def unsaved(self) -> bool:
        """Whether the text shown is not stored."""
        return self.editor.text() != self.screen_.stored.note
