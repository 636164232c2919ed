"""What calls of Qwen-VL's `computer_use` tool mean: JSON arguments into an `Action` on the screen.

Must not know prompts or models; how a call is written is `agents.tool_calls`' business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from arpo_engine.agents.keyboard import key_names, typed
from arpo_engine.agents.screens import Frame
from arpo_engine.contract.actions import (
    Click,
    DragTo,
    Fail,
    Finished,
    Hotkey,
    Move,
    Scroll,
    SingleAction,
    TypeText,
    Wait,
)
from arpo_engine.contract.errors import ActionUnreadable

Arguments = Mapping[str, Any]
Read = Callable[[Arguments, Frame], SingleAction]

LONGEST_WAIT_S = 60.0
MOST_NOTCHES = 100
"""A wheel turned further than this is at the end of any page."""
MOST_KEYS = 8


def action_of(arguments: Arguments, frame: Frame) -> SingleAction:
    """What a call asks for.

    Raises:
        ActionUnreadable: the tool has no such action, or it lacks what it needs.
    """
    name = arguments.get("action")
    if not isinstance(name, str) or name not in ACTIONS:
        raise ActionUnreadable(f"computer_use has no action {str(name)[:40]!r}; known: {', '.join(sorted(ACTIONS))}")
    return ACTIONS[name](arguments, frame)


def _number(value: Any) -> float | None:
    """`value` as a number, if it is a finite one; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _place(arguments: Arguments, frame: Frame) -> tuple[int, int]:
    given = arguments.get("coordinate")
    numbers = [_number(value) for value in given] if isinstance(given, list) and len(given) == 2 else [None]
    finite = [number for number in numbers if number is not None]
    if len(finite) != 2:
        raise ActionUnreadable(f"the coordinate is {str(given)[:40]}; give [x, y], two finite numbers")
    return frame.pixel(finite)


def _click(button: Literal["left", "middle", "right"], count: int) -> Read:
    def read(arguments: Arguments, frame: Frame) -> SingleAction:
        x, y = _place(arguments, frame)
        return Click(x=x, y=y, button=button, count=count)

    return read


def _move(arguments: Arguments, frame: Frame) -> SingleAction:
    x, y = _place(arguments, frame)
    return Move(x=x, y=y)


def _drag(arguments: Arguments, frame: Frame) -> SingleAction:
    x, y = _place(arguments, frame)
    return DragTo(x=x, y=y)


def _scroll(forward: Literal["up", "right"], back: Literal["down", "left"]) -> Read:
    def read(arguments: Arguments, frame: Frame) -> SingleAction:
        pixels = _number(arguments.get("pixels"))
        if not pixels:
            given = str(arguments.get("pixels"))[:40]
            raise ActionUnreadable(f"scroll has pixels = {given}; give a number that is not 0, up is positive")
        middle = (frame.screen[0] // 2, frame.screen[1] // 2)
        x, y = _place(arguments, frame) if "coordinate" in arguments else middle
        notches = max(1, round(min(abs(pixels), MOST_NOTCHES)))
        return Scroll(x=x, y=y, direction=forward if pixels > 0 else back, clicks=notches)

    return read


def _type(arguments: Arguments, frame: Frame) -> SingleAction:
    return TypeText(text=_text(arguments, "type"))


def _text(arguments: Arguments, name: str) -> str:
    text = arguments.get("text")
    if not isinstance(text, str):
        raise ActionUnreadable(f"{name} has the text {str(text)[:40]}; give a string")
    return typed(text, f"{name}'s text")


def _key(arguments: Arguments, frame: Frame) -> SingleAction:
    given = arguments.get("keys")
    words = given if isinstance(given, list) else []
    if not words or len(words) > MOST_KEYS or not all(isinstance(word, str) for word in words):
        raise ActionUnreadable(f"key has the keys {str(given)[:40]}; give a list of 1 to {MOST_KEYS} names")
    keys = key_names(word.strip() for word in words)
    if not keys:
        raise ActionUnreadable("key has only empty names; give names such as ctrl and s")
    return Hotkey(keys=keys)


def _wait(arguments: Arguments, frame: Frame) -> SingleAction:
    seconds = _number(arguments.get("time", 1))
    if seconds is None or not 0 <= seconds <= LONGEST_WAIT_S:
        given = str(arguments.get("time"))[:40]
        raise ActionUnreadable(f"wait has time = {given}; give 0 to {LONGEST_WAIT_S:g} seconds")
    return Wait(seconds=seconds)


def _terminate(arguments: Arguments, frame: Frame) -> SingleAction:
    status = arguments.get("status", "success")
    if status == "success":
        return Finished()
    if status == "failure":
        return Fail()
    raise ActionUnreadable(f"terminate has the status {str(status)[:40]!r}; it is success or failure")


def _answer(arguments: Arguments, frame: Frame) -> SingleAction:
    return Finished(answer=_text(arguments, "answer"))


ACTIONS: dict[str, Read] = {
    "key": _key,
    "type": _type,
    "mouse_move": _move,
    "left_click": _click("left", 1),
    "left_click_drag": _drag,
    "right_click": _click("right", 1),
    "middle_click": _click("middle", 1),
    "double_click": _click("left", 2),
    "triple_click": _click("left", 3),
    "scroll": _scroll("up", "down"),
    "hscroll": _scroll("right", "left"),
    "wait": _wait,
    "terminate": _terminate,
    "answer": _answer,
}
