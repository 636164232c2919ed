"""Sub-goals of a task: what a person would have to get done, one click or one text at a time, told from the widgets.

A goal knows whether it is met and what to do next for it, from any state, so that a plan can also go on after a slip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from arpo_engine.contract.actions import Action, Click, Hotkey, TypeText
from arpo_engine.desktops.pocket.apps import FilesPage, MailPage, NotesPage, SetupPage, TablePage
from arpo_engine.desktops.pocket.screen import Screen
from arpo_engine.desktops.pocket.vocabulary import HOME
from arpo_engine.desktops.pocket.widgets import TextBox


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What to think and to do next."""

    thought: str
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One sub-goal."""

    name: str
    """The kind of goal; a sloppy demonstrator forgets goals by this name."""
    app: str
    """The page on which it is worked at."""
    met: Callable[[Screen], bool]
    move: Callable[[Screen], Move | None]
    """The next move towards it on its page; none when the page offers none now."""
    overlay: str = ""
    """The kind of overlay that may stay open while it is worked at."""
    moves: int = 1
    """Moves that it takes when nothing is in the way."""
    forgettable: bool = True


def click(screen: Screen, label: str) -> Move | None:
    """Click a label, if it can be clicked now."""
    at = screen.labels().get(label)
    return None if at is None else Move(thought=f"click {label}", action=Click(x=at.x(), y=at.y()))


def _type(text: str) -> Move:
    return Move(thought=f"type {text}", action=TypeText(text=text))


def _setup(screen: Screen) -> SetupPage:
    return cast(SetupPage, screen.pages["Setup"])


def _files(screen: Screen) -> FilesPage:
    return cast(FilesPage, screen.pages["Files"])


def _mail(screen: Screen) -> MailPage:
    return cast(MailPage, screen.pages["Mail"])


def _grid(screen: Screen) -> TablePage:
    return cast(TablePage, screen.pages["Table"])


def _notes(screen: Screen) -> NotesPage:
    return cast(NotesPage, screen.pages["Notes"])


def _fill(screen: Screen, box: TextBox, text: str) -> Move | None:
    """Focus a box, select what is wrong in it, type."""
    if screen.focus_widget is not box:
        return click(screen, box.word)
    if box.text() and not box.selected_all():
        return Move(thought="press ctrl a", action=Hotkey(keys=("ctrl", "a")))
    return _type(text)


def app_open(app: str, *, forgettable: bool = True) -> Goal:
    """An application is on the screen."""
    return Goal(
        name="open_app", app=HOME, met=lambda screen: screen.stored.app == app,
        move=lambda screen: click(screen, app), forgettable=forgettable,
    )  # fmt: skip


def option_is(word: str, on: bool) -> Goal:
    """A check box is ticked, or is not."""

    def met(screen: Screen) -> bool:
        if screen.stored.app != "Setup":
            return screen.stored.options.get(word) is on
        return any(tick.word == word and tick.isChecked() is on for tick in _setup(screen).ticks)

    return Goal(name="option", app="Setup", met=met, move=lambda screen: click(screen, word))


def level_is(level: str) -> Goal:
    """The slider stands at a place."""

    def met(screen: Screen) -> bool:
        at_work = screen.stored.app == "Setup"
        return (_setup(screen).level.value() if at_work else screen.stored.level) == int(level)

    return Goal(name="level", app="Setup", met=met, move=lambda screen: click(screen, level))


def color_is(color: str) -> Goal:
    """The combo box has a value."""

    def met(screen: Screen) -> bool:
        at_work = screen.stored.app == "Setup"
        return (_setup(screen).color.value if at_work else screen.stored.color) == color

    def move(screen: Screen) -> Move | None:
        return click(screen, color if screen.overlay is not None else "Color")

    return Goal(name="color", app="Setup", met=met, move=move, overlay="colors", moves=2)


def colors_seen() -> Goal:
    """The list of colors is open, so that one can see which there are."""
    return Goal(
        name="look", app="Setup", met=lambda screen: screen.overlay is not None and screen.overlay.kind == "colors",
        move=lambda screen: click(screen, "Color"), forgettable=False,
    )  # fmt: skip


def saved(app: str) -> Goal:
    """What the page shows has been stored."""

    def met(screen: Screen) -> bool:
        page = cast("SetupPage | NotesPage | TablePage", screen.pages[app])
        return screen.saves.get(app, 0) > 0 and not (screen.stored.app == app and page.unsaved())

    return Goal(name="save", app=app, met=met, move=lambda screen: click(screen, "Save"))


def note_is(text: str) -> Goal:
    """The editor holds a text."""

    def met(screen: Screen) -> bool:
        at_work = screen.stored.app == "Notes"
        return (_notes(screen).editor.text() if at_work else screen.stored.note) == text

    def move(screen: Screen) -> Move | None:
        editor = _notes(screen).editor
        if not text or (editor.text() and not editor.selected_all()):
            return click(screen, "Clear")
        return _fill(screen, editor, text)

    return Goal(name="note", app="Notes", met=met, move=move, moves=3)


def file_chosen(name: str) -> Goal:
    """A file is chosen, or nothing is left to choose it for."""

    def met(screen: Screen) -> bool:
        if name not in screen.stored.files or screen.stored.opened_file == name:
            return True
        return screen.stored.app == "Files" and _files(screen).files.chosen() == name

    return Goal(name="choose", app="Files", met=met, move=lambda screen: click(screen, name))


def file_opened(name: str) -> Goal:
    """A file has been opened."""
    return Goal(
        name="open_file", app="Files", met=lambda screen: screen.stored.opened_file == name,
        move=lambda screen: click(screen, "Open"),
    )  # fmt: skip


def deletion_asked(name: str) -> Goal:
    """The dialog that asks whether to delete a file is open, or the file is gone."""

    def met(screen: Screen) -> bool:
        return name not in screen.stored.files or _asked(screen, "confirm", name)

    return Goal(name="delete", app="Files", met=met, move=lambda screen: click(screen, "Delete"))


def deletion_confirmed(name: str) -> Goal:
    """A file is gone."""
    return Goal(
        name="confirm", app="Files", met=lambda screen: name not in screen.stored.files,
        move=lambda screen: click(screen, "Yes"), overlay="confirm",
    )  # fmt: skip


def rename_asked(name: str) -> Goal:
    """The dialog that asks for a file's new name is open, or the old name is gone."""

    def met(screen: Screen) -> bool:
        return name not in screen.stored.files or _asked(screen, "rename", name)

    return Goal(name="rename", app="Files", met=met, move=lambda screen: click(screen, "Rename"))


def new_name_typed(name: str, new: str) -> Goal:
    """The dialog holds the new name, or the old name is gone."""

    def met(screen: Screen) -> bool:
        box = _name_box(screen)
        return name not in screen.stored.files or (box is not None and box.text() == new)

    def move(screen: Screen) -> Move | None:
        box = _name_box(screen)
        return None if box is None else _fill(screen, box, new)

    return Goal(name="new_name", app="Files", met=met, move=move, overlay="rename")


def rename_accepted(new: str) -> Goal:
    """A file has the new name."""
    return Goal(
        name="confirm", app="Files", met=lambda screen: new in screen.stored.files,
        move=lambda screen: click(screen, "OK"), overlay="rename",
    )  # fmt: skip


def _asked(screen: Screen, kind: str, subject: str) -> bool:
    return screen.overlay is not None and (screen.overlay.kind, screen.overlay.subject) == (kind, subject)


def _name_box(screen: Screen) -> TextBox | None:
    return screen.overlay.findChild(TextBox) if screen.overlay is not None else None


def mail_to(person: str) -> Goal:
    """The form names a receiver, or the mail has been sent."""

    def met(screen: Screen) -> bool:
        return bool(screen.stored.sent) or (screen.stored.app == "Mail" and _mail(screen).receiver.text() == person)

    return Goal(name="receiver", app="Mail", met=met, move=lambda screen: click(screen, person))


def mail_about(text: str) -> Goal:
    """The form has a subject, or the mail has been sent."""

    def met(screen: Screen) -> bool:
        return bool(screen.stored.sent) or (screen.stored.app == "Mail" and _mail(screen).about.text() == text)

    return Goal(
        name="about", app="Mail", met=met, move=lambda screen: _fill(screen, _mail(screen).about, text), moves=2
    )


def mail_copy() -> Goal:
    """The copy is ticked, or the mail has been sent."""

    def met(screen: Screen) -> bool:
        return bool(screen.stored.sent) or (screen.stored.app == "Mail" and _mail(screen).copy.isChecked())

    return Goal(name="copy", app="Mail", met=met, move=lambda screen: click(screen, "Copy"))


def mail_sent() -> Goal:
    """A mail has been sent."""
    return Goal(
        name="send", app="Mail", met=lambda screen: bool(screen.stored.sent),
        move=lambda screen: click(screen, "Send"),
    )  # fmt: skip


def cell_is(row: str, column: str, value: str) -> Goal:
    """A cell of the table holds a value."""

    def met(screen: Screen) -> bool:
        stored = screen.stored
        table = _grid(screen).grid.table() if stored.app == "Table" else stored.table
        return row in table and table[row][stored.columns.index(column)] == value

    def move(screen: Screen) -> Move | None:
        if _grid(screen).grid.chosen_cell() != (row, column) or screen.focus_widget is not _grid(screen).grid:
            return click(screen, f"{row} {column}")
        return _type(value)

    return Goal(name="cell", app="Table", met=met, move=move, moves=2)


def row_chosen(row: str) -> Goal:
    """A row is chosen, or is gone."""

    def met(screen: Screen) -> bool:
        return _row_gone(screen, row) or (screen.stored.app == "Table" and _grid(screen).grid.chosen_row() == row)

    return Goal(name="choose", app="Table", met=met, move=lambda screen: click(screen, row))


def row_gone(row: str) -> Goal:
    """A row is no longer shown."""
    return Goal(
        name="delete", app="Table", met=lambda screen: _row_gone(screen, row),
        move=lambda screen: click(screen, "Delete"),
    )  # fmt: skip


def _row_gone(screen: Screen, row: str) -> bool:
    return row not in (_grid(screen).grid.table() if screen.stored.app == "Table" else screen.stored.table)
