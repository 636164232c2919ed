"""Where an argument points: the spellings of a place, into numbers of the model's own frame. Knows no screen.

`(x,y)` and `(x1,y1,x2,y2)` are UI-TARS's first syntax, with or without its box tokens; `<point>x y</point>` and
`<bbox>…</bbox>` are the second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from arpo_engine.contract.errors import ActionUnreadable

START = ("start_box", "point", "start_point")
END = ("end_box", "end_point")

POINT = re.compile(r"\s*<(point|bbox)>([^<]*)</\1>\s*")
BOX = re.compile(r"\s*<\|box_start\|>([^<]*)<\|box_end\|>\s*")
SQUARE = re.compile(r"\s*\[([^\[\]]*)\]\s*")


def names_place(arguments: Mapping[str, str], keys: tuple[str, ...]) -> bool:
    """Whether one of these arguments is there and not empty."""
    return any(arguments.get(key, "").strip() for key in keys)


def numbers_of(arguments: Mapping[str, str], keys: tuple[str, ...]) -> list[float]:
    """The numbers of the first of these arguments that is there.

    Raises:
        ActionUnreadable: none is there, or what it holds are no finite numbers.
    """
    text = next((arguments[key] for key in keys if arguments.get(key, "").strip()), None)
    if text is None:
        raise ActionUnreadable(f"the action names no place; give {keys[0]}='(x,y)'")
    return read_numbers(text)


def read_numbers(text: str) -> list[float]:
    """The numbers of one place; brackets around or inside it say nothing.

    Raises:
        ActionUnreadable: a part of it is no finite number.
    """
    wrapped = POINT.fullmatch(text)
    if wrapped is not None:
        # <point>x y</point> separates by spaces.
        parts = wrapped[2].replace(",", " ").split()
    else:
        bare = BOX.fullmatch(text) or SQUARE.fullmatch(text)
        parts = (text if bare is None else bare[1]).replace("(", "").replace(")", "").split(",")
    return [_number(part.strip(), text) for part in parts]


def _number(part: str, text: str) -> float:
    try:
        number = float(part)
    except ValueError:
        raise ActionUnreadable(f"{text[:60]!r} is no place; it is a point of 2 numbers or a box of 4") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise ActionUnreadable(f"{text[:60]!r} is no place: {part[:30]} is no pixel; give finite numbers")
    return number
