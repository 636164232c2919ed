"""Actions back into UI-TARS text: how a demonstrator says what it does. The reader's counterpart."""

from __future__ import annotations

from arpo_engine.agents.screens import Frame
from arpo_engine.contract.actions import (
    Action,
    Click,
    Drag,
    Fail,
    Finished,
    Hotkey,
    Move,
    Scroll,
    Several,
    TypeText,
    Wait,
)

CLICKS = {("left", 1): "click", ("left", 2): "left_double", ("right", 1): "right_single"}
ESCAPED = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def write_reply(thought: str, action: Action, frame: Frame | None = None) -> str:
    """A whole reply. Coordinates are pixels of the screen, and written in `frame`; without one the screen must have the
    model's own size."""
    return f"Thought: {thought}\nAction: {write_action(action, frame)}"


def write_action(action: Action, frame: Frame | None = None) -> str:
    """One action call.

    Raises:
        ValueError: the action space has no such action.
    """
    match action:
        case Click(x=x, y=y, button=button, count=count) if (button, count) in CLICKS:
            return f"{CLICKS[button, count]}(start_box='{_place(x, y, frame)}')"
        case Move(x=x, y=y):
            return f"hover(start_box='{_place(x, y, frame)}')"
        case Drag(x=x, y=y, to_x=to_x, to_y=to_y):
            return f"drag(start_box='{_place(x, y, frame)}', end_box='{_place(to_x, to_y, frame)}')"
        case Scroll(x=x, y=y, direction=direction):
            return f"scroll(start_box='{_place(x, y, frame)}', direction='{direction}')"
        case TypeText(text=text):
            return f"type(content='{_escaped(text)}')"
        case Hotkey(keys=keys):
            return f"hotkey(key='{' '.join(keys)}')"
        case Wait():
            return "wait()"
        case Finished(answer=answer):
            return f"finished(content='{_escaped(answer)}')" if answer else "finished()"
        case Fail():
            return "call_user()"
        case Several(actions=actions):
            return "\n\n".join(write_action(one, frame) for one in actions)
    raise ValueError(f"UI-TARS has no action for {action!r}; click, left_double and right_single are its clicks")


def _place(x: int, y: int, frame: Frame | None) -> str:
    if frame is None:
        return f"({x},{y})"
    # Two decimals find every pixel again on a screen of less than a hundred times the frame.
    return f"({x * frame.width / frame.screen[0]:.2f},{y * frame.height / frame.screen[1]:.2f})"


def _escaped(text: str) -> str:
    return "".join(ESCAPED.get(character, character) for character in text)
