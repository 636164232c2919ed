"""Sub-goals on the Setup page."""

from __future__ import annotations

from typing import cast

from arpo_engine.desktops.pocket.apps import SetupPage
from arpo_engine.desktops.pocket.goals import base
from arpo_engine.desktops.pocket.goals.base import Goal, Move, click
from arpo_engine.desktops.pocket.screen import Screen

APP = "Setup"


def _page(screen: Screen) -> SetupPage:
    return cast(SetupPage, screen.pages[APP])


def _now(screen: Screen) -> tuple[dict[str, bool], int, str]:
    """Options, level and color: as shown while the page is open, else as stored."""
    page, stored = _page(screen), screen.stored
    if stored.app != APP:
        return stored.options, stored.level, stored.color
    return page.shown()


def option_is(word: str, on: bool) -> Goal:
    """A check box is ticked, or is not."""
    return Goal(
        name="option",
        app=APP,
        met=lambda screen: _now(screen)[0].get(word) is on,
        move=lambda screen: click(screen, word),
    )


def level_is(level: str) -> Goal:
    """The slider stands at a place."""
    return Goal(
        name="level",
        app=APP,
        met=lambda screen: _now(screen)[1] == int(level),
        move=lambda screen: click(screen, level),
    )


def color_is(color: str) -> Goal:
    """The combo box has a value."""

    def move(screen: Screen) -> Move | None:
        return click(screen, color if screen.overlay is not None else "Color")

    return Goal(
        name="color", app=APP, met=lambda screen: _now(screen)[2] == color, move=move, overlay="colors", moves=2
    )


def colors_seen() -> Goal:
    """The list of colors is open, so that one can see which there are."""
    return Goal(
        name="look",
        app=APP,
        met=lambda screen: screen.overlay is not None and screen.overlay.kind == "colors",
        move=lambda screen: click(screen, "Color"),
        forgettable=False,
    )


def kept_and_saved(*asked: str, level: bool = False, color: bool = False) -> list[Goal]:
    """All settings but those that were asked for are as they began, and what is shown is stored."""

    def stray(screen: Screen) -> str | None:
        begun = screen.initial
        options, level_now, color_now = _now(screen)
        for word, on in options.items():
            if word not in asked and on is not begun.options[word]:
                return word
        if not level and level_now != begun.level:
            return str(begun.level)
        if not color and color_now != begun.color:
            return begun.color if screen.overlay is not None else "Color"
        return None

    return [base.undone(APP, stray, overlay="colors"), base.saved(APP, lambda screen: _page(screen).unsaved())]
