"""What an agent did, drawn over the screen that it saw, in the shapes of the viewer (static/js/overlay.js)."""

from __future__ import annotations

import math
from typing import Final

from PIL import Image, ImageDraw

from arpo_engine.contract.actions import (
    Action,
    Click,
    Drag,
    DragTo,
    Fail,
    Finished,
    Hotkey,
    Move,
    Scroll,
    TypeText,
    Wait,
    unfolded,
)
from arpo_engine.filming.lettering import draw_text, width_of, wrapped

RING: Final = (213, 94, 0, 255)
HALO: Final = (255, 255, 255, 217)
BADGE: Final = (20, 24, 31, 224)
WHITE: Final = (255, 255, 255)
FINE: Final = 2
"""Shapes are drawn so many times as large and shrunk, so that their edges are smooth."""
TURNS: Final = {"up": 0, "right": 90, "down": 180, "left": 270}

Place = tuple[float, float]


def draw_action(picture: Image.Image, action: Action, screen: tuple[int, int]) -> None:
    """Draw an action over a picture of the screen, which may be larger or smaller than the screen (pixels) was.

    Places outside of the screen are drawn as far as they are seen, as the viewer does.
    """
    scale = picture.width / max(1, screen[0])
    pen = _Pen(picture.size, scale, max(picture.size) / 100)
    badges = [words for one in unfolded(action) for words in pen.draw(one)]
    if pen.used:
        layer = pen.layer.resize(picture.size, Image.Resampling.BOX)
        picture.paste(layer, (0, 0), layer)
    for words, at in badges:
        _badge(picture, words, at, max(picture.size) / 100)


class _Pen:
    """Draws on a layer of its own, in units of a hundredth of the screen's longer side."""

    def __init__(self, size: tuple[int, int], scale: float, unit: float) -> None:
        self.layer = Image.new("RGBA", (size[0] * FINE, size[1] * FINE), (255, 255, 255, 0))
        self.pen = ImageDraw.Draw(self.layer)
        self.scale = scale * FINE
        self.unit = unit * FINE
        self.used = False

    def draw(self, action: object) -> list[tuple[str, Place | None]]:
        """Draw the shapes of a single action; its badges with their places, None for the foot of the screen."""
        match action:
            case Move() | DragTo() | Click():
                return self._pointed(action)
            case Drag(x=x, y=y, to_x=to_x, to_y=to_y):
                self._arrow(self._at(x, y), self._at(to_x, to_y))
            case Scroll(x=x, y=y, direction=direction):
                self._chevrons(self._at(x, y), TURNS[direction])
            case TypeText(text=text):
                return [("⌨ " + text.replace("\n", "⏎"), None)]
            case Hotkey(keys=keys):
                return [(" + ".join(keys), None)]
            case Wait(seconds=seconds):
                return [(f"wait {seconds:g} s", None)]
            case Finished():
                return [("✓ done", None)]
            case Fail():
                return [("✗ cannot be done", None)]
            case _:
                pass
        return []

    def _pointed(self, action: Move | DragTo | Click) -> list[tuple[str, Place | None]]:
        at = self._at(action.x, action.y)
        self._ring(at, 4.2)
        below = (at[0] / FINE, (at[1] + 7.5 * self.unit) / FINE)
        if isinstance(action, Move):
            return []
        if isinstance(action, DragTo):
            return [("drag", below)]
        if action.count > 1:
            self._ring(at, 6.6)
        self._dot(at, 0.9)
        return [] if action.button == "left" else [(action.button, below)]

    def _at(self, x: int, y: int) -> Place:
        # Coordinates come from a model: kept near the picture, or the drawing itself would overflow.
        most = 4.0 * max(self.layer.size)
        return min(max(x * self.scale, -most), most), min(max(y * self.scale, -most), most)

    def _ring(self, at: Place, radius: float) -> None:
        for width, colour in ((1.9, HALO), (1.0, RING)):
            self._circle(at, radius + width / 2, outline=colour, width=width)

    def _dot(self, at: Place, radius: float) -> None:
        self._circle(at, radius, fill=RING)

    def _circle(
        self,
        at: Place,
        radius: float,
        *,
        fill: tuple[int, int, int, int] | None = None,
        outline: tuple[int, int, int, int] | None = None,
        width: float = 0,
    ) -> None:
        reach = radius * self.unit
        box = (at[0] - reach, at[1] - reach, at[0] + reach, at[1] + reach)
        self.pen.ellipse(box, fill=fill, outline=outline, width=max(1, round(width * self.unit)))
        self.used = True

    def _line(self, points: list[Place], width: float, colour: tuple[int, int, int, int]) -> None:
        self.pen.line(points, fill=colour, width=max(1, round(width * self.unit)), joint="curve")
        self.used = True

    def _arrow(self, start: Place, end: Place) -> None:
        angle = math.atan2(end[1] - start[1], end[0] - start[0])
        tip = 3.6 * self.unit
        wings = [(end[0] - tip * math.cos(angle + turn), end[1] - tip * math.sin(angle + turn)) for turn in (0.5, -0.5)]
        self._line([start, end], 2.2, HALO)
        self._line([start, end], 1.1, RING)
        self._line([wings[0], end, wings[1]], 1.1, RING)
        self._dot(start, 1.3)

    def _chevrons(self, at: Place, degrees: int) -> None:
        self._circle(at, 6.5, outline=HALO, width=1.0)
        turn = math.radians(degrees)
        for offset in (-3.0, 1.0):
            corners = ((-3.0, offset + 2), (0.0, offset - 1), (3.0, offset + 2))
            self._line([self._turned(at, corner, turn) for corner in corners], 1.2, RING)

    def _turned(self, at: Place, corner: Place, turn: float) -> Place:
        x, y = corner[0] * self.unit, corner[1] * self.unit
        return (
            at[0] + x * math.cos(turn) - y * math.sin(turn),
            at[1] + x * math.sin(turn) + y * math.cos(turn),
        )


def _badge(picture: Image.Image, words: str, at: Place | None, unit: float) -> None:
    """A dark label, centred where it belongs (else at the foot) and kept inside the picture; long text is cut."""
    size = max(9, round(4.4 * unit * 0.82))
    shown = wrapped(words, size, picture.width - 6 * unit, 1)
    if not shown:
        return
    wide, high = width_of(shown[0], size) + 3 * unit, size * 1.7
    x, y = at or (picture.width / 2, picture.height - 6 * unit)
    left = min(max(x - wide / 2, unit), max(unit, picture.width - wide - unit))
    top = min(max(y - high / 2, unit), max(unit, picture.height - high - unit))
    label = Image.new("RGBA", (max(1, round(wide)), max(1, round(high))), (0, 0, 0, 0))
    ImageDraw.Draw(label).rounded_rectangle((0, 0, label.width - 1, label.height - 1), radius=unit, fill=BADGE)
    picture.paste(label, (round(left), round(top)), label)
    draw_text(picture, (left + 1.5 * unit, top + high * 0.68), shown[0], size, WHITE)
