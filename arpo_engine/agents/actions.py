"""What UI-TARS's calls mean: a name and its arguments into an `Action` on the screen.

Must not know prompts, thoughts or models; how a call is written is `agents.grammar`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, cast

from arpo_engine.agents.grammar import Call
from arpo_engine.agents.keyboard import key_names, typed
from arpo_engine.agents.places import END, START, names_place, numbers_of
from arpo_engine.agents.screens import Frame
from arpo_engine.contract.actions import (
    Click,
    Drag,
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

Arguments = Mapping[str, str]
Read = Callable[[Arguments, Frame], SingleAction]

WAIT_S = 5.0
"""What `wait()` means in the published action space."""
DIRECTIONS = ("up", "down", "left", "right")


def action_of(call: Call, frame: Frame) -> SingleAction:
    """What a call asks for.

    Raises:
        ActionUnreadable: the action space has no such action, or it lacks what it needs.
    """
    if call.name not in ACTIONS:
        raise ActionUnreadable(f"there is no action {call.name[:40]!r}; known: {', '.join(sorted(ACTIONS))}")
    return ACTIONS[call.name](call.arguments, frame)


def _click(button: Literal["left", "middle", "right"], count: int) -> Read:
    def read(arguments: Arguments, frame: Frame) -> SingleAction:
        x, y = frame.pixel(numbers_of(arguments, START))
        return Click(x=x, y=y, button=button, count=count)

    return read


def _move(arguments: Arguments, frame: Frame) -> SingleAction:
    x, y = frame.pixel(numbers_of(arguments, START))
    return Move(x=x, y=y)


def _drag(arguments: Arguments, frame: Frame) -> SingleAction:
    x, y = frame.pixel(numbers_of(arguments, START))
    to_x, to_y = frame.pixel(numbers_of(arguments, END))
    return Drag(x=x, y=y, to_x=to_x, to_y=to_y)


def _scroll(arguments: Arguments, frame: Frame) -> SingleAction:
    direction = arguments.get("direction", "").strip().lower()
    if direction not in DIRECTIONS:
        raise ActionUnreadable(f"scroll has the direction {direction[:40]!r}; it is one of {', '.join(DIRECTIONS)}")
    # The published action space lets a scroll go without a place: then it is over the middle of the screen.
    middle = (frame.screen[0] // 2, frame.screen[1] // 2)
    x, y = frame.pixel(numbers_of(arguments, START)) if names_place(arguments, START) else middle
    return Scroll(x=x, y=y, direction=cast(Literal["up", "down", "left", "right"], direction))


def _type(arguments: Arguments, frame: Frame) -> SingleAction:
    if "content" not in arguments:
        raise ActionUnreadable("type has no content; write type(content='text')")
    return TypeText(text=typed(arguments["content"], "type's content"))


def _hotkey(arguments: Arguments, frame: Frame) -> SingleAction:
    keys = key_names(arguments.get("key", arguments.get("hotkey", "")).split())
    if not keys:
        raise ActionUnreadable("hotkey names no key; write hotkey(key='ctrl s')")
    return Hotkey(keys=keys)


def _wait(arguments: Arguments, frame: Frame) -> SingleAction:
    return Wait(seconds=WAIT_S)


def _finished(arguments: Arguments, frame: Frame) -> SingleAction:
    return Finished(answer=typed(arguments.get("content", ""), "finished's content"))


def _fail(arguments: Arguments, frame: Frame) -> SingleAction:
    return Fail(reason=typed(arguments.get("content", ""), "the reason for giving up"))


ACTIONS: dict[str, Read] = {
    "click": _click("left", 1),
    "left_single": _click("left", 1),
    "left_double": _click("left", 2),
    "right_single": _click("right", 1),
    "hover": _move,
    "drag": _drag,
    "select": _drag,
    "scroll": _scroll,
    "type": _type,
    "hotkey": _hotkey,
    "press": _hotkey,
    "keydown": _hotkey,
    "wait": _wait,
    "finished": _finished,
    "call_user": _fail,
    "error_env": _fail,
}
