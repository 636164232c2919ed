"""Text as pixels: cleaned, cut to its room, and each letter in the first font that has it. Text is only ever drawn.

DejaVu Sans travels with the package, so that films look alike everywhere; what it lacks (Chinese, Japanese, Korean
among it) is looked for in the machine's own fonts, and drawn as an empty box where none has it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

OWN: Final = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
SYSTEM: Final = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/System/Library/Fonts"))
WIDE_FONTS: Final = (
    "NotoSansCJK", "NotoSansSC", "NotoSerifCJK", "DroidSansFallback", "wqy-", "SourceHanSans", "PingFang",
    "Hiragino", "Arial Unicode", "NotoSans-Regular", "NotoSansSymbols", "Symbola",
)  # fmt: skip
"""Beginnings of the names of fonts with many letters, the most usual first."""
MOST_LETTERS: Final = 4000
"""A text is cut to so many before anything is measured: a thought may be megabytes long."""
BOX: Final = "□"
NOBODYS: Final = "\U0010ffff"
"""A letter that no font has: what is drawn for it is what is drawn for any other that is lacking."""

Font = ImageFont.FreeTypeFont
Colour = tuple[int, int, int]


def clean(text: str) -> str:
    """One line without control letters and without those that turn the direction of others, each run of blanks one."""
    letters = (" " if letter.isspace() else letter for letter in text[:MOST_LETTERS])
    kept = "".join(letter for letter in letters if letter == " " or unicodedata.category(letter)[0] != "C")
    return " ".join(unicodedata.normalize("NFC", kept).split())


def width_of(text: str, size: int) -> float:
    """Pixels that a cleaned text takes."""
    return sum(font.getlength(part) for font, part in _parts(text, size))


def wrapped(text: str, size: int, room: float, most: int) -> list[str]:
    """The text in at most so many lines of this room; what does not fit is cut off with an ellipsis."""
    lines: list[str] = []
    rest = clean(text)
    while rest and len(lines) < most:
        if width_of(rest, size) <= room:
            return [*lines, rest]
        fits = _longest(rest, size, room)
        if len(lines) == most - 1:
            return [*lines, rest[: _longest(rest, size, room - width_of("…", size))].rstrip() + "…"]
        blank = rest.rfind(" ", 0, fits + 1)
        at = blank if blank > fits // 2 else max(1, fits)
        lines.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return lines


def draw_text(picture: Image.Image, place: tuple[float, float], text: str, size: int, colour: Colour) -> None:
    """Draw a cleaned line with its left edge and its baseline at this place."""
    pen = ImageDraw.Draw(picture)
    x, y = place
    for font, part in _parts(text, size):
        pen.text((x, y), part, fill=colour, font=font, anchor="ls")
        x += font.getlength(part)


def unknown_letters(texts: Iterable[str]) -> int:
    """How many different letters of these no font has."""
    letters = {letter for text in texts for letter in clean(text)}
    return sum(_font_with(letter) is None for letter in letters)


def _longest(text: str, size: int, room: float) -> int:
    """How many letters from the start fit."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if width_of(text[:middle], size) <= room else (low, middle - 1)
    return low


def _parts(text: str, size: int) -> Iterator[tuple[Font, str]]:
    """The text in pieces of one font each."""
    for path, letters in groupby(text, _font_with):
        part = "".join(letters)
        yield _font(path or OWN, size), part if path else BOX * len(part)


@cache
def _font(path: Path, size: int) -> Font:
    # Without shaping by another library, so that a line is as wide here as there.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _font_with(letter: str) -> Path | None:
    return next((path for path in (OWN, *_wide_fonts()) if _has(path, letter)), None)


def _has(path: Path, letter: str) -> bool:
    return letter == " " or bytes(_font(path, 20).getmask(letter)) != _blank_of(path)


@cache
def _blank_of(path: Path) -> bytes:
    return bytes(_font(path, 20).getmask(NOBODYS))


@cache
def _wide_fonts() -> tuple[Path, ...]:
    files = [file for folder in SYSTEM if folder.is_dir() for file in sorted(folder.rglob("*.[to]t[fc]"))]
    chosen = [file for name in WIDE_FONTS for file in files if file.name.startswith(name) and "Bold" not in file.name]
    return tuple(file for file in dict.fromkeys(chosen) if _opens(file))


def _opens(file: Path) -> bool:
    try:
        _blank_of(file)
    except OSError:
        return False
    return True
