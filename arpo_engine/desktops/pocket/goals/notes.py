"""Sub-goals on the Notes page."""

from __future__ import annotations

from typing import cast

from arpo_engine.desktops.pocket.apps import NotesPage
from arpo_engine.desktops.pocket.goals import base
from arpo_engine.desktops.pocket.goals.base import Goal, Move, click, fill
from arpo_engine.desktops.pocket.screen import Screen

APP = "Notes"


def _page(screen: Screen) -> NotesPage:
    return cast(NotesPage, screen.pages[APP])


def note_is(text: str) -> Goal:
    """The editor holds a text."""

    def met(screen: Screen) -> bool:
        at_work = screen.stored.app == APP
        return (_page(screen).editor.text() if at_work else screen.stored.note) == text

    def move(screen: Screen) -> Move | None:
        editor = _page(screen).editor
        if not text or (editor.text() and not editor.selected_all()):
            return click(screen, "Clear")
        return fill(screen, editor, text)

    return Goal(name="note", app=APP, met=met, move=move, moves=3)


def note_saved() -> Goal:
    """The text is stored."""
    return base.saved(APP, lambda screen: _page(screen).unsaved())
