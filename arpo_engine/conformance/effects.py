"""What a reply does to a desktop, in one form for both sides: the published parser's code, and our actions.

An effect is a tuple such as `("click", 954.037, 534.066, "left")`; `("DONE",)`, `("WAIT",)` and `("FAIL",)` are
OSWorld's own words. Code is read as a syntax tree and never run. Knows no rules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from arpo_engine.agents.grammar import Call
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

Effect = tuple[object, ...]

OSWORLD_WORDS = ("DONE", "WAIT", "FAIL")
TOLERANCE = 1e-6
DECIMALS = 3
"""The published parser writes places with so many."""
HALF_A_PIXEL = 0.5 + 1e-9
SAME_KEYS = {" ": "space", "return": "enter", "esc": "escape", "del": "delete", "pgup": "pageup", "pgdn": "pagedown"}
"""Names that pyautogui gives to one and the same key."""


def effects_of_code(code: str) -> list[Effect] | None:
    """The effects of recorded code, in order; None: it is no valid Python, so a desktop does nothing.

    Imports, pauses and comments have no effect of their own.
    """
    if code in OSWORLD_WORDS:
        return [(code,)]
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, UnicodeError):
        return None
    calls = (node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
    return [effect for call in calls for effect in _of_call(call)]


def _of_call(call: ast.Call) -> Iterator[Effect]:
    if not (isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)):
        yield ("unknown", ast.dump(call))
    elif call.func.value.id == "pyautogui":
        given = [*call.args, *(word.value for word in call.keywords if word.arg not in ("interval", "duration"))]
        yield (call.func.attr, *_keys(call.func.attr, [_value(node) for node in given]))
    elif call.func.value.id != "time":
        yield ("unknown", ast.dump(call))


def _value(node: ast.expr) -> object:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return -value if isinstance(value, int | float) else ast.dump(node)
    return node.value if isinstance(node, ast.Constant) else ast.dump(node)


def _keys(name: str, values: list[object]) -> list[object]:
    """Keys by one name each; pyautogui itself is blind to the case of names longer than a letter."""
    if name not in ("hotkey", "press", "keyUp", "keyDown"):
        return values
    named = [value.lower() if isinstance(value, str) and len(value) > 1 else value for value in values]
    return [SAME_KEYS.get(value, value) if isinstance(value, str) else value for value in named]


def effects_of_action(call: Call, action: SingleAction, frame: Frame) -> list[Effect]:
    """The effects of one of our actions; places with the published parser's decimals, if our pixels are those."""
    match action:
        case Click(x=x, y=y, button=button, count=count):
            return [("doubleClick" if count == 2 else "click", *_place(call, START, (x, y), frame), button)]
        case Move(x=x, y=y):
            return [("moveTo", *_place(call, START, (x, y), frame))]
        case Drag(x=x, y=y, to_x=to_x, to_y=to_y):
            start, end = _place(call, START, (x, y), frame), _place(call, END, (to_x, to_y), frame)
            return [("moveTo", *start), ("dragTo", *end)]
        case Scroll(x=x, y=y, direction="up" | "down" as direction, clicks=clicks):
            place = _place(call, START, (x, y), frame) if names_place(call.arguments, START) else (x, y)
            return [("scroll", clicks if direction == "up" else -clicks, *place)]
        case TypeText(text=text):
            words = text.rstrip("\n")
            enters: list[Effect] = [("press", "enter")] * (len(text) - len(words))
            return [("write", words), *enters] if text else []
        case Hotkey(keys=keys):
            return [("hotkey", *_keys("hotkey", list(keys)))]
        case Wait() | Finished() | Fail():
            return [({"wait": "WAIT", "finished": "DONE", "fail": "FAIL"}[action.kind],)]
    return [(action.kind, action.model_dump_json())]


def _place(call: Call, keys: tuple[str, ...], pixel: tuple[int, int], frame: Frame) -> tuple[float, float]:
    """What the call's numbers mean before rounding, if `pixel` is that place; otherwise `pixel`, which then differs."""
    shares = frame.shares(numbers_of(call.arguments, keys))
    exact = tuple(round((shares[axis] + shares[axis - 2]) / 2 * frame.screen[axis], DECIMALS) for axis in (0, 1))
    near = all(
        abs(pixel[axis] - min(exact[axis], frame.screen[axis] - 1)) <= HALF_A_PIXEL + 10**-DECIMALS for axis in (0, 1)
    )
    return (exact[0], exact[1]) if near else (float(pixel[0]), float(pixel[1]))


def same_effects(theirs: Sequence[Effect], ours: Sequence[Effect]) -> bool:
    """Words equal, numbers within 1e-6."""
    return len(theirs) == len(ours) and all(_same(one, other) for one, other in zip(theirs, ours, strict=True))


def _same(one: Effect, other: Effect) -> bool:
    return len(one) == len(other) and all(
        abs(left - right) <= TOLERANCE
        if isinstance(left, int | float) and isinstance(right, int | float)
        else left == right
        for left, right in zip(one, other, strict=True)
    )
