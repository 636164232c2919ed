"""One picture of a film: the instruction on top, a pane for each episode, below it who, what, why and how it went."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, UnidentifiedImageError

from arpo_engine.filming.lettering import Colour, clean, draw_text, width_of, wrapped
from arpo_engine.filming.marks import draw_action
from arpo_engine.filming.reel import Reel, Shot, Side

MARGIN: Final = 12
LINE: Final = 1.45
"""Height of a line, in heights of its letters."""
BIG: Final = 24
"""Pixels of a letter of the instruction."""
SMALL: Final = 18
"""Pixels of all others."""
HEAD_LINES: Final = 2
THOUGHT_LINES: Final = 3
PAPER: Final[Colour] = (247, 248, 250)
SUNKEN: Final[Colour] = (226, 230, 236)
INK: Final[Colour] = (24, 28, 36)
MUTED: Final[Colour] = (84, 92, 106)
TONES: Final[dict[str, Colour]] = {"": MUTED, "good": (0, 105, 75), "warn": (125, 78, 0), "bad": (169, 59, 0)}
LEAST_PANE: Final = 360
"""Pixels that words need; a narrower screen stands in the middle of its pane."""
MOST_HIGH: Final = 1080
"""Pixels of a pane: a phone's screen is shrunk to it."""
SMALL_SCREEN: Final = 640
"""Screens up to this width are enlarged by whole numbers, so that their pixels stay square."""
MOST_TIMES: Final = 4
MOST_PIXELS: Final = 40_000_000
"""A picture that claims to be larger is not decoded."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands; pixels."""

    pane: tuple[int, int]
    head: int
    foot: int
    size: tuple[int, int]
    """Of the whole picture; even, as video wants it."""


def layout_of(reel: Reel, width: int) -> Layout:
    """A layout at most so wide in which each screen of the reel fits, none larger than is of use."""
    sides = len(reel.sides)
    room = (width - (sides + 1) * MARGIN) // sides
    screens = [shot.size for side in reel.sides for shot in (*side.shots, side.final) if min(shot.size) > 0]
    fitted = [_fitted(screen, (room, MOST_HIGH)) for screen in screens] or [(LEAST_PANE, LEAST_PANE * 3 // 4)]
    pane = (max(LEAST_PANE, *(one[0] for one in fitted)), max(one[1] for one in fitted))
    pane = (min(pane[0], room), pane[1])
    inner = sides * pane[0] + (sides - 1) * MARGIN
    head = 0
    if said := wrapped(reel.instruction, BIG, inner, HEAD_LINES):
        head = round(len(said) * BIG * LINE) + MARGIN
    thoughts = (wrapped(shot.thought, SMALL, pane[0], THOUGHT_LINES) for side in reel.sides for shot in side.shots)
    foot = round((2 + max(map(len, thoughts), default=0)) * SMALL * LINE) + MARGIN
    size = (inner + 2 * MARGIN, head + pane[1] + foot + MARGIN)
    return Layout(pane, head, foot, (size[0] + size[0] % 2, size[1] + size[1] % 2))


def draw_sheet(reel: Reel, layout: Layout, at: int, note: str = "") -> Image.Image:
    """The reel at its `at`-th step; a side that has fewer waits at its end. `note` stands beside the step's number."""
    sheet = Image.new("RGB", layout.size, PAPER)
    inner = layout.size[0] - 2 * MARGIN
    for number, line in enumerate(wrapped(reel.instruction, BIG, inner, HEAD_LINES)):
        draw_text(sheet, (MARGIN, MARGIN + round((number + 0.75) * BIG * LINE)), line, BIG, INK)
    for number, side in enumerate(reel.sides):
        left = MARGIN + number * (layout.pane[0] + MARGIN)
        top = layout.head + MARGIN
        ended = at >= len(side.shots)
        shot = side.final if ended else side.shots[at]
        sheet.paste(_pane(shot, layout.pane), (left, top))
        _say(sheet, side, at, (left, top + layout.pane[1]), layout.pane[0], note)
    return sheet


def _say(sheet: Image.Image, side: Side, at: int, place: tuple[int, int], room: int, note: str) -> None:
    """Below a pane: who and how far, what was done, and why; at the end how it went."""
    ended = at >= len(side.shots)
    total = len(side.shots)
    far = f"end of {total} step{'' if total == 1 else 's'}" if ended else f"step {at + 1} of {total}{note}"
    step = SMALL * LINE
    left, line = place[0], place[1] + round(step * 0.95)
    reach = width_of(far, SMALL)
    for words in wrapped(side.who, SMALL, room - reach - MARGIN, 1):
        draw_text(sheet, (left, line), words, SMALL, MUTED)
    draw_text(sheet, (left + room - reach, line), far, SMALL, MUTED)
    said = _ending(side) if ended else side.shots[at].did
    for words in wrapped(said, SMALL, room, 1):
        draw_text(sheet, (left, line + step), words, SMALL, TONES[side.tone] if ended else INK)
    thought = "" if ended else side.shots[at].thought
    for number, words in enumerate(wrapped(thought, SMALL, room, THOUGHT_LINES)):
        draw_text(sheet, (left, line + (2 + number) * step), words, SMALL, MUTED)


def _ending(side: Side) -> str:
    return side.outcome if side.score is None else f"{side.outcome}, score {side.score:g}"


def _pane(shot: Shot, box: tuple[int, int]) -> Image.Image:
    """The screen in the middle of its pane, its aspect kept, and what was done drawn over it; a card where it lacks."""
    pane = Image.new("RGB", box, SUNKEN)
    picture = _decoded(shot)
    if picture is None:
        _card(pane, shot.missing)
        return pane
    screen = picture.size
    size = _fitted(screen, box)
    way = Image.Resampling.NEAREST if size[0] > screen[0] <= SMALL_SCREEN else Image.Resampling.LANCZOS
    picture = picture.resize(size, way, reducing_gap=2.0) if size != screen else picture
    if shot.action is not None:
        draw_action(picture, shot.action, shot.size if min(shot.size) > 0 else screen)
    pane.paste(picture, ((box[0] - size[0]) // 2, (box[1] - size[1]) // 2))
    return pane


def _card(pane: Image.Image, words: str) -> None:
    """A grey card that says why there is no picture."""
    lines = wrapped(words, SMALL, pane.width - 4 * MARGIN, 4)
    top = pane.height / 2 - (len(lines) - 1) * SMALL * LINE / 2
    ImageDraw.Draw(pane).rectangle((0, 0, pane.width - 1, pane.height - 1), outline=MUTED)
    for number, line in enumerate(lines):
        left = (pane.width - width_of(line, SMALL)) / 2
        draw_text(pane, (left, top + number * SMALL * LINE), clean(line), SMALL, MUTED)


def _decoded(shot: Shot) -> Image.Image | None:
    """The screenshot; None where it is not there, cannot be read, or claims to be as large as none is."""
    data = shot.picture()
    if data is None:
        return None
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            return picture.convert("RGB")
    except (Image.DecompressionBombError, UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None


def _fitted(screen: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The screen's size in this box, its aspect kept; small ones enlarged by a whole number, large ones shrunk."""
    times = min(box[0] / screen[0], box[1] / screen[1])
    if times >= 1:
        times = min(int(times), MOST_TIMES) if screen[0] <= SMALL_SCREEN else 1
    return max(1, round(screen[0] * times)), max(1, round(screen[1] * times))
