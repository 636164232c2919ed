"""What a sub-goal is, and the moves that all of them are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from arpo_engine.contract.actions import Click, Hotkey, SingleAction, TypeText
from arpo_engine.desktops.pocket.screen import Screen
from arpo_engine.desktops.pocket.vocabulary import HOME
from arpo_engine.desktops.pocket.widgets import TextBox


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What to think and to do next."""

    thought: str
    action: SingleAction


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


def write(text: str) -> Move:
    """Type a text where the focus is."""
    return Move(thought=f"type {text}", action=TypeText(text=text))


def fill(screen: Screen, box: TextBox, text: str) -> Move | None:
    """Focus a box, select what is wrong in it, type."""
    if screen.focus_widget is not box:
        return click(screen, box.word)
    if box.text() and not box.selected_all():
        return Move(thought="press ctrl a", action=Hotkey(keys=("ctrl", "a")))
    return write(text)


def app_open(app: str, *, forgettable: bool = True) -> Goal:
    """An application is on the screen."""
    return Goal(
        name="open_app",
        app=HOME,
        met=lambda screen: screen.stored.app == app,
        move=lambda screen: click(screen, app),
        forgettable=forgettable,
    )


def saved(app: str, unsaved: Callable[[Screen], bool]) -> Goal:
    """What the page shows has been stored."""

    def met(screen: Screen) -> bool:
        return screen.saves.get(app, 0) > 0 and not (screen.stored.app == app and unsaved(screen))

    return Goal(name="save", app=app, met=met, move=lambda screen: click(screen, "Save"))


def undone(app: str, stray: Callable[[Screen], str | None], *, overlay: str = "") -> Goal:
    """Nothing is changed on the page that was not asked for; `stray` names what to click about it, if there is such.

    Only a slip makes work of it: a demonstrator who forgets things has nothing to undo.
    """

    def move(screen: Screen) -> Move | None:
        label = stray(screen)
        return None if label is None else click(screen, label)

    return Goal(
        name="undo",
        app=app,
        met=lambda screen: stray(screen) is None,
        move=move,
        overlay=overlay,
        moves=4,
        forgettable=False,
    )
