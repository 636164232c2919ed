"""The launcher: one tile for each application."""

from __future__ import annotations

from functools import partial

from arpo_engine.desktops.pocket.qt import (
    QWidget,
)
from arpo_engine.desktops.pocket.screen import Page, Screen
from arpo_engine.desktops.pocket.vocabulary import APPS, HOME
from arpo_engine.desktops.pocket.widgets import Tile


class HomePage(Page):
    """Opens the applications."""

    name = HOME
    layout_name = "home"

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self.tiles = [Tile(self, app, partial(screen.open, app)) for app in APPS]

    def placed(self) -> dict[str, QWidget]:
        """Tiles a to e."""
        return dict(zip("abcde", self.tiles, strict=True))
