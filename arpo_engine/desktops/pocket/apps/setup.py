"""Settings: check boxes, a slider and a combo box, stored by Save."""

from __future__ import annotations

from arpo_engine.desktops.pocket.qt import (
    QWidget,
)
from arpo_engine.desktops.pocket.screen import Page, Screen
from arpo_engine.desktops.pocket.state import OPTIONS_SHOWN
from arpo_engine.desktops.pocket.vocabulary import HOME
from arpo_engine.desktops.pocket.widgets import Choice, LevelSlider, Tick, Tile


class SetupPage(Page):
    """What is ticked, slid and picked counts when it is saved."""

    name = "Setup"
    layout_name = "setup"

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self.ticks = [Tick(self, "") for _ in range(OPTIONS_SHOWN)]
        self.level = LevelSlider(self)
        self.color = Choice(self, "Color", self._open_colors)
        self._save = Tile(self, "Save", self.save)
        self._close = Tile(self, "Close", lambda: screen.open(HOME))

    def placed(self) -> dict[str, QWidget]:
        """Ticks a to d, level, color, and the buttons."""
        named: dict[str, QWidget] = {"L": self.level, "C": self.color, "S": self._save, "X": self._close}
        return {**dict(zip("abcd", self.ticks, strict=True)), **named}

    def load(self) -> None:
        """Show the stored settings."""
        stored = self.screen_.stored
        for tick, (word, on) in zip(self.ticks, stored.options.items(), strict=True):
            tick.word = word
            tick.setChecked(on)
        self.level.setValue(stored.level)
        self.color.set_value(stored.color)

    def shown(self) -> tuple[dict[str, bool], int, str]:
        """Options, level and color as the page shows them."""
        return {tick.word: tick.isChecked() for tick in self.ticks}, self.level.value(), self.color.value

    def save(self) -> None:
        """Store what is shown."""
        stored = self.screen_.stored
        stored.options, stored.level, stored.color = self.shown()
        self.screen_.note_save("Save")

    def unsaved(self) -> bool:
        """Whether something shown is not stored."""
        stored = self.screen_.stored
        return self.shown() != (stored.options, stored.level, stored.color)

    def _open_colors(self) -> None:
        column, row = self.color.x() // self.color.height(), self.color.y() // self.color.height()
        words = self.screen_.initial.colors
        below = row + 1 if row + len(words) < 6 else row - len(words)
        self.screen_.pop_up("colors", words, (column + 2, below), self.color.set_value)
