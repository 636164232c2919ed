"""Sub-goals on the Files page."""

from __future__ import annotations

from typing import cast

from arpo_engine.desktops.pocket.apps import FilesPage
from arpo_engine.desktops.pocket.goals.base import Goal, Move, click, fill
from arpo_engine.desktops.pocket.screen import Screen
from arpo_engine.desktops.pocket.widgets import TextBox

APP = "Files"


def file_chosen(name: str) -> Goal:
    """A file is chosen, or nothing is left to choose it for."""

    def met(screen: Screen) -> bool:
        if name not in screen.stored.files or screen.stored.opened_file == name:
            return True
        return screen.stored.app == APP and cast(FilesPage, screen.pages[APP]).files.chosen() == name

    return Goal(name="choose", app=APP, met=met, move=lambda screen: click(screen, name))


def file_opened(name: str) -> Goal:
    """A file has been opened, or is gone."""
    return Goal(
        name="open_file",
        app=APP,
        met=lambda screen: screen.stored.opened_file == name or name not in screen.stored.files,
        move=lambda screen: click(screen, "Open"),
    )


def deletion_asked(name: str) -> Goal:
    """The dialog that asks whether to delete a file is open, or the file is gone."""
    return Goal(
        name="delete",
        app=APP,
        met=lambda screen: name not in screen.stored.files or _asked(screen, "confirm", name),
        move=lambda screen: click(screen, "Delete"),
    )


def deletion_confirmed(name: str) -> Goal:
    """A file is gone."""
    return Goal(
        name="confirm",
        app=APP,
        met=lambda screen: name not in screen.stored.files,
        move=lambda screen: click(screen, "Yes"),
        overlay="confirm",
    )


def rename_asked(name: str) -> Goal:
    """The dialog that asks for a file's new name is open, or the old name is gone."""
    return Goal(
        name="rename",
        app=APP,
        met=lambda screen: name not in screen.stored.files or _asked(screen, "rename", name),
        move=lambda screen: click(screen, "Rename"),
    )


def new_name_typed(name: str, new: str) -> Goal:
    """The dialog holds the new name, or the old name is gone."""

    def met(screen: Screen) -> bool:
        box = _name_box(screen)
        return name not in screen.stored.files or (box is not None and box.text() == new)

    def move(screen: Screen) -> Move | None:
        box = _name_box(screen)
        return None if box is None else fill(screen, box, new)

    return Goal(name="new_name", app=APP, met=met, move=move, overlay="rename")


def rename_accepted(new: str) -> Goal:
    """A file has the new name."""
    return Goal(
        name="confirm",
        app=APP,
        met=lambda screen: new in screen.stored.files,
        move=lambda screen: click(screen, "OK"),
        overlay="rename",
    )


def _asked(screen: Screen, kind: str, subject: str) -> bool:
    return screen.overlay is not None and (screen.overlay.kind, screen.overlay.subject) == (kind, subject)


def _name_box(screen: Screen) -> TextBox | None:
    return screen.overlay.findChild(TextBox) if screen.overlay is not None else None
