"""What an agent may do to a desktop, in pixels of the desktop's own screen. Nothing else is executed."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final, Literal

from pydantic import Field

from arpo_engine.contract.base import Wire

Button = Literal["left", "middle", "right"]

TYPEABLE_CONTROLS: Final = "\n\t"
NEVER_TYPED: Final = ("Cc", "Cs")
"""Unicode categories: control characters, and halves of surrogate pairs, which no UTF-8 text may hold."""


class Click(Wire):
    """Press and release a mouse button at a place, once or more."""

    kind: Literal["click"] = "click"
    x: int
    y: int
    button: Button = "left"
    count: int = Field(1, ge=1, le=3)


class Move(Wire):
    """Bring the pointer to a place and press nothing."""

    kind: Literal["move"] = "move"
    x: int
    y: int


class Drag(Wire):
    """Press at one place, move to another, release."""

    kind: Literal["drag"] = "drag"
    x: int
    y: int
    to_x: int
    to_y: int


class DragTo(Wire):
    """Press where the pointer is, move to a place, release."""

    kind: Literal["drag_to"] = "drag_to"
    x: int
    y: int


class Scroll(Wire):
    """Turn the wheel over a place."""

    kind: Literal["scroll"] = "scroll"
    x: int
    y: int
    direction: Literal["up", "down", "left", "right"]
    clicks: int = Field(5, ge=1)
    """Notches of the wheel."""


class TypeText(Wire):
    """Type text as a keyboard would; `\\n` is the Enter key."""

    kind: Literal["type"] = "type"
    text: str


class Hotkey(Wire):
    """Press keys together and release them: `("ctrl", "s")`, `("enter",)`."""

    kind: Literal["hotkey"] = "hotkey"
    keys: tuple[str, ...] = Field(min_length=1)


class Wait(Wire):
    """Do nothing and look again."""

    kind: Literal["wait"] = "wait"
    seconds: float = Field(1.0, ge=0)


class Finished(Wire):
    """The agent says that the task is done; the episode ends and is scored."""

    kind: Literal["finished"] = "finished"
    answer: str = ""


class Fail(Wire):
    """The agent says that the task cannot be done: OSWorld's FAIL; the episode ends and is scored."""

    kind: Literal["fail"] = "fail"
    reason: str = ""


SingleAction = Annotated[
    Click | Move | Drag | DragTo | Scroll | TypeText | Hotkey | Wait | Finished | Fail, Field(discriminator="kind")
]


class Several(Wire):
    """Actions of one reply, carried out in order without looking in between."""

    kind: Literal["several"] = "several"
    actions: tuple[SingleAction, ...] = Field(min_length=2)


Action = Annotated[
    Click | Move | Drag | DragTo | Scroll | TypeText | Hotkey | Wait | Finished | Fail | Several,
    Field(discriminator="kind"),
]

ENDING = (Finished, Fail)
"""Actions after which the episode is scored."""


def unfolded(action: Action) -> tuple[SingleAction, ...]:
    """The single actions of a reply, in order; those behind one that ends the episode are never carried out."""
    actions = action.actions if isinstance(action, Several) else (action,)
    last = next((at for at, one in enumerate(actions) if isinstance(one, ENDING)), len(actions))
    return actions[: last + 1]


def untypeable(text: str) -> str | None:
    """The first character of the text that no keyboard gives; None if there is none."""
    controls = (one for one in text if unicodedata.category(one) in NEVER_TYPED and one not in TYPEABLE_CONTROLS)
    return next(controls, None)
