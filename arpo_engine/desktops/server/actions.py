"""Typed actions as the engine sends them, carried out by hands: data in, no code. The form is the engine's `Action`.

A place outside the screen means the nearest place on it. An action in a wrong form, or with a key that does not exist,
is refused before anything of it is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .hands import BUTTONS, WHEEL, Hands
from .http_server import Refusal
from .keys import UnknownKey

MOST_CLICKS = 100
LONGEST_TEXT = 20_000


def perform(hands: Hands, action: Mapping[str, Any]) -> None:
    """Carry an action out.

    Raises:
        Refusal: 400, a wrong form; 422, a key that does not exist. Nothing was done.
    """
    kind = action.get("kind")
    if kind == "click":
        button, count = _one_of(action, "button", BUTTONS, "left"), _whole(action, "count", 1)
        hands.move(*_place(action))
        hands.click(button, min(count, 3))
    elif kind == "move":
        hands.move(*_place(action))
    elif kind == "drag":
        to = (_whole(action, "to_x"), _whole(action, "to_y"))
        hands.move(*_place(action))
        hands.drag(*to)
    elif kind == "drag_to":
        hands.drag(*_place(action))
    elif kind == "scroll":
        direction, clicks = _one_of(action, "direction", WHEEL), _whole(action, "clicks", 5)
        hands.move(*_place(action))
        hands.scroll(direction, min(clicks, MOST_CLICKS))
    elif kind == "type":
        hands.type(_text(action))
    elif kind == "hotkey":
        _press(hands, action.get("keys"))
    else:
        raise Refusal(400, f"there is no action {str(kind)[:40]!r}")


def _press(hands: Hands, keys: object) -> None:
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        raise Refusal(400, f"keys is {str(keys)[:60]}; give a list of names of keys")
    try:
        hands.hotkey(keys)
    except UnknownKey as error:
        raise Refusal(422, str(error)) from error


def _place(action: Mapping[str, Any]) -> tuple[int, int]:
    return _whole(action, "x"), _whole(action, "y")


def _whole(action: Mapping[str, Any], name: str, otherwise: int | None = None) -> int:
    value = action.get(name, otherwise)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal(400, f"{name} is {str(value)[:40]!r}; give a whole number")
    return value


def _one_of(action: Mapping[str, Any], name: str, allowed: Mapping[str, int], otherwise: str = "") -> str:
    value = action.get(name, otherwise)
    if value not in allowed:
        raise Refusal(400, f"{name} is {str(value)[:40]!r}; give one of {', '.join(allowed)}")
    return str(value)


def _text(action: Mapping[str, Any]) -> str:
    text = action.get("text")
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise Refusal(400, f"text is no text of at most {LONGEST_TEXT} characters")
    return text
