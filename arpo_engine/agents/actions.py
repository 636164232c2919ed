"""The grammar of UI-TARS actions: a name and quoted arguments, into an `Action`. Nothing is evaluated.

    call     = name "(" [ argument { "," argument } ] ")"
    argument = name "=" quoted
    quoted   = "'" characters "'" | '"' characters '"'

Must not know prompts, thoughts or models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, cast

from arpo_engine.agents.screens import ToScreen
from arpo_engine.contract.actions import Action, Click, Drag, Fail, Finished, Hotkey, Scroll, TypeText, Wait
from arpo_engine.contract.errors import ActionUnreadable

Arguments = Mapping[str, str]
Read = Callable[[Arguments, ToScreen, tuple[int, int]], Action]

NAME = re.compile(r"\s*([A-Za-z_]+)\s*")
NUMBER = r"\s*(-?\d{1,7}(?:\.\d{1,6})?)\s*"
PLACE = re.compile(rf"\s*[(\[]?{NUMBER},{NUMBER}(?:,{NUMBER},{NUMBER})?[)\]]?\s*")
POINT = re.compile(r"\s*<(point|bbox)>(.*)</\1>\s*", re.DOTALL)
BOX = re.compile(r"\s*<\|box_start\|>(.*)<\|box_end\|>\s*", re.DOTALL)
ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
KEY_NAMES = {
    "control": "ctrl",
    "return": "enter",
    "esc": "escape",
    "del": "delete",
    "page_up": "pageup",
    "page_down": "pagedown",
    "arrowup": "up",
    "arrowdown": "down",
    "arrowleft": "left",
    "arrowright": "right",
}
WAIT_S = 5.0
"""What `wait()` means in the published action space."""
DIRECTIONS = ("up", "down", "left", "right")


def read_action(text: str, to_screen: ToScreen, screen: tuple[int, int]) -> Action:
    """Read exactly one action call.

    Raises:
        ActionUnreadable: with what was found and what the grammar wants there.
    """
    name, arguments, rest = _read_call(text)
    if rest.strip():
        raise ActionUnreadable(f"after the action {name} comes {rest.strip()[:40]!r}; a reply holds one action only")
    if name not in ACTIONS:
        raise ActionUnreadable(f"there is no action {name!r}; known: {', '.join(sorted(ACTIONS))}")
    return ACTIONS[name](arguments, to_screen, screen)


def _read_call(text: str) -> tuple[str, dict[str, str], str]:
    """Name, arguments and whatever follows the closing bracket."""
    match = NAME.match(text)
    if match is None or not text.startswith("(", match.end()):
        raise ActionUnreadable(f"{text.strip()[:60]!r} is no action; write it as name(argument='value')")
    name, at = match[1], match.end() + 1
    arguments: dict[str, str] = {}
    while not _closes(text, at):
        if arguments:
            at = _expect(text, at, ",")
        key, at = _read_key(text, at, name)
        if key in arguments:
            raise ActionUnreadable(f"{name} has two arguments {key!r}; give it once")
        arguments[key], at = _read_quoted(text, at, f"{name}'s {key}")
    return name, arguments, text[_expect(text, at, ")") :]


def _closes(text: str, at: int) -> bool:
    return text[at:].lstrip().startswith(")")


def _expect(text: str, at: int, mark: str) -> int:
    found = len(text) - len(text[at:].lstrip())
    if not text.startswith(mark, found):
        raise ActionUnreadable(f"{text[at : at + 20]!r} stands where {mark!r} must; the action is cut off or garbled")
    return found + 1


def _read_key(text: str, at: int, name: str) -> tuple[str, int]:
    match = NAME.match(text, at)
    if match is None or not text.startswith("=", match.end()):
        raise ActionUnreadable(f"{name} has {text[at : at + 20]!r} where an argument name='value' must stand")
    return match[1], match.end() + 1


def _read_quoted(text: str, at: int, what: str) -> tuple[str, int]:
    at = len(text) - len(text[at:].lstrip())
    quote = text[at : at + 1]
    if quote not in ("'", '"'):
        raise ActionUnreadable(f"{what} is not quoted; write it in ' or \"")
    characters, at = [], at + 1
    while at < len(text) and text[at] != quote:
        if text[at] == "\\" and text[at + 1 : at + 2] in ESCAPES:
            characters.append(ESCAPES[text[at + 1]])
            at += 2
        else:
            characters.append(text[at])
            at += 1
    if at >= len(text):
        raise ActionUnreadable(f"{what} has no closing {quote}; the reply was cut off")
    return "".join(characters), at + 1


def _place(arguments: Arguments, keys: tuple[str, ...], to_screen: ToScreen) -> tuple[int, int]:
    text = next((arguments[key] for key in keys if key in arguments), None)
    if text is None:
        raise ActionUnreadable(f"the action names no place; give {keys[0]}='(x,y)'")
    wrapped = POINT.fullmatch(text)
    if wrapped is not None:
        # <point>x y</point> separates by spaces.
        text = ",".join(wrapped[2].replace(",", " ").split())
    boxed = BOX.fullmatch(text)
    match = PLACE.fullmatch(boxed[1] if boxed is not None else text)
    if match is None:
        raise ActionUnreadable(f"{text[:60]!r} is no place; it is a point of 2 numbers or a box of 4")
    return to_screen([float(number) for number in match.groups() if number is not None])


START = ("start_box", "point", "start_point")
END = ("end_box", "end_point")


def _click(button: Literal["left", "middle", "right"], count: int) -> Read:
    def read(arguments: Arguments, to_screen: ToScreen, screen: tuple[int, int]) -> Action:
        x, y = _place(arguments, START, to_screen)
        return Click(x=x, y=y, button=button, count=count)

    return read


def _drag(arguments: Arguments, to_screen: ToScreen, screen: tuple[int, int]) -> Action:
    x, y = _place(arguments, START, to_screen)
    to_x, to_y = _place(arguments, END, to_screen)
    return Drag(x=x, y=y, to_x=to_x, to_y=to_y)


def _scroll(arguments: Arguments, to_screen: ToScreen, screen: tuple[int, int]) -> Action:
    direction = arguments.get("direction", "").strip().lower()
    if direction not in DIRECTIONS:
        raise ActionUnreadable(f"scroll has the direction {direction!r}; it is one of {', '.join(DIRECTIONS)}")
    # The published action space lets a scroll go without a place: then it is over the middle of the screen.
    anywhere = not any(key in arguments for key in START)
    x, y = (screen[0] // 2, screen[1] // 2) if anywhere else _place(arguments, START, to_screen)
    return Scroll(x=x, y=y, direction=cast(Literal["up", "down", "left", "right"], direction))


def _type(arguments: Arguments, to_screen: ToScreen, screen: tuple[int, int]) -> Action:
    if "content" not in arguments:
        raise ActionUnreadable("type has no content; write type(content='text')")
    return TypeText(text=arguments["content"])


def _hotkey(arguments: Arguments, to_screen: ToScreen, screen: tuple[int, int]) -> Action:
    text = arguments.get("key", arguments.get("hotkey", ""))
    parts = [part for word in text.split() for part in ([word] if word == "+" else word.split("+"))]
    keys = tuple(KEY_NAMES.get(part.lower(), part.lower()) for part in parts if part)
    if not keys:
        raise ActionUnreadable("hotkey names no key; write hotkey(key='ctrl s')")
    return Hotkey(keys=keys)


def _wait(arguments: Arguments, to_screen: ToScreen, screen: tuple[int, int]) -> Action:
    return Wait(seconds=WAIT_S)


def _finished(arguments: Arguments, to_screen: ToScreen, screen: tuple[int, int]) -> Action:
    return Finished(answer=arguments.get("content", ""))


def _fail(arguments: Arguments, to_screen: ToScreen, screen: tuple[int, int]) -> Action:
    return Fail(reason=arguments.get("content", ""))


ACTIONS: dict[str, Read] = {
    "click": _click("left", 1),
    "left_single": _click("left", 1),
    "left_double": _click("left", 2),
    "right_single": _click("right", 1),
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
