"""How things look: the grid, the wallpaper that encodes position, badges of words, glass. Knows no application state.

Two ideas make the screen readable for a very small vision model. The wallpaper's red rises to the right and its green
downwards, and everything on it is translucent, so each cell shows where it is. And every word has one badge, as a
person has an avatar: the same everywhere, its colour and shape shared with no other word.
"""

from __future__ import annotations

import hashlib
from functools import cache

from arpo_engine.desktops.pocket.qt import (
    FONT_PIXELS,
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QPainter,
    QPen,
    QPointF,
    QPolygonF,
    QRect,
    QRectF,
    Qt,
)
from arpo_engine.desktops.pocket.vocabulary import BADGE_WORDS, HELD_OUT, LEVELS, TRAIN

CELL = 28
COLUMNS, ROWS = 8, 6
WIDTH, HEIGHT = COLUMNS * CELL, ROWS * CELL

BADGE = 24
HUES, SHAPES = 16, 7  # coprime: words differ in hue or shape as long as there are at most 112 of them
HUE_STEP = 7  # neighbours in the vocabulary stand together on the screen, so their hues are far apart

INK = QColor(16, 22, 44)
PAPER = QColor(255, 255, 255)
GLASS = QColor(255, 255, 255, 120)
GLASS_SHADE = QColor(20, 24, 60, 130)
FOCUS = QColor(255, 236, 80, 215)
CHOSEN = QColor(255, 196, 40, 230)
TICKED = QColor(40, 200, 90, 235)
EDGE = QColor(255, 255, 255, 150)
DIM = QColor(10, 12, 30, 150)

_NAMED_COLORS = {
    "red": "#e02020", "blue": "#2050f0", "pink": "#ff80c0", "gold": "#f0b000",
    "teal": "#009090", "lime": "#90f020", "gray": "#808080", "navy": "#102070",
}  # fmt: skip


def cell_rect(column: int, row: int, width: int, height: int) -> QRect:
    """A block of cells in pixels."""
    return QRect(column * CELL, row * CELL, width * CELL, height * CELL)


@cache
def wallpaper() -> QImage:
    """The background: position as colour."""
    image = QImage(WIDTH, HEIGHT, QImage.Format.Format_RGB888)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            image.setPixelColor(x, y, QColor(30 + 190 * x // WIDTH, 30 + 190 * y // HEIGHT, 150))
    return image


def font(pixels: int = FONT_PIXELS) -> QFont:
    """The bold face of every label."""
    face = QFont("DejaVu Sans")
    face.setPixelSize(pixels)
    face.setBold(True)
    return face


def glass(painter: QPainter, rect: QRect, color: QColor = GLASS) -> None:
    """A rounded translucent panel that leaves one pixel of the wallpaper around it."""
    painter.drawImage(rect.topLeft(), _glass_image(rect.width(), rect.height(), color.rgba()))


@cache
def _glass_image(width: int, height: int, rgba: int) -> QImage:
    image = _blank(width, height)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(EDGE, 1))
    painter.setBrush(QColor.fromRgba(rgba))
    painter.drawRoundedRect(QRectF(1.5, 1.5, width - 3, height - 3), 6, 6)
    painter.end()
    return image


def knob(painter: QPainter, rect: QRectF) -> None:
    """A slider's knob: a thick frame round a place, with a grip below."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(TICKED, 4))
    painter.drawRoundedRect(rect.adjusted(2, 2, -2, -2), 5, 5)
    painter.setPen(QPen(INK, 1))
    painter.setBrush(TICKED)
    painter.drawRoundedRect(QRectF(rect.left() + 3.5, rect.bottom() - 8.5, rect.width() - 7, 7), 3, 3)


def switch(painter: QPainter, rect: QRectF, on: bool) -> None:
    """A small switch, its thumb at the right when it is on."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(INK)
    painter.setBrush(PAPER if on else GLASS_SHADE)
    painter.drawRoundedRect(rect, rect.height() / 2, rect.height() / 2)
    painter.setBrush(INK)
    aside = rect.width() - rect.height()
    painter.drawEllipse(rect.adjusted(aside, 0, 0, 0) if on else rect.adjusted(0, 0, -aside, 0))


def tile(painter: QPainter, x: int, y: int, word: str, *, on_dark: bool = False, raised: bool = False) -> None:
    """A word as it stands in two cells: its badge, then its label, `raised` where something stands below it."""
    painter.drawImage(x, y, _tile_image(word, on_dark, raised))


@cache
def _tile_image(word: str, on_dark: bool, raised: bool) -> QImage:
    image = _blank(2 * CELL)
    painter = QPainter(image)
    painter.drawImage(0, 0, badge(word))
    write(painter, QRectF(CELL - 1, -5 if raised else 0, CELL - 2, CELL), word, PAPER if on_dark else INK)
    painter.end()
    return image


def write(painter: QPainter, rect: QRectF, text: str, color: QColor = INK) -> None:
    """One line of text, narrowed when it is too long for its place."""
    face = font()
    width = QFontMetricsF(face).horizontalAdvance(text)
    if width > rect.width():
        face.setStretch(max(50, int(100 * rect.width() / width)))
    painter.setFont(face)
    painter.setPen(color)
    painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


@cache
def badge(word: str) -> QImage:
    """The icon of a word in one cell: a plate, a shape on it, and the word's first letters."""
    hue, shape = _look(word)
    image = _blank(CELL)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    named = _NAMED_COLORS.get(word)
    plate = QColor(named) if named else QColor.fromHsv(hue * 360 // HUES, 235, 245 if hue % 2 == 0 else 150)
    margin = (CELL - BADGE) // 2
    painter.setPen(QPen(QColor(255, 255, 255), 1.2))
    painter.setBrush(plate)
    painter.drawRoundedRect(QRectF(margin, margin, BADGE, BADGE), 5, 5)
    bright = plate.lightness() > 110
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(255, 255, 255) if not bright else QColor(24, 24, 44))
    _shape(painter, shape, QPointF(CELL / 2, CELL / 2), BADGE / 2 - 2.5)
    painter.setPen(INK if not bright else QColor(255, 255, 255))
    letters = word if word in _SPELT_OUT else word[:1]
    painter.setFont(font(8 if len(letters) > 2 else 10))
    painter.drawText(QRectF(0, 0, CELL, CELL), Qt.AlignmentFlag.AlignCenter, letters)
    painter.end()
    return image


def _blank(width: int, height: int = CELL) -> QImage:
    image = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    return image


_SPELT_OUT = frozenset((*TRAIN.columns, *HELD_OUT.columns, *LEVELS))
"""Words that stand in one cell, so that their badge has to say them."""

_PLACE = {word: place for place, word in enumerate(BADGE_WORDS)}


def _look(word: str) -> tuple[int, int]:
    place = _PLACE.get(word)
    if place is None:  # a word of somebody else's task: still the same look everywhere
        place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return place * HUE_STEP % HUES, place % SHAPES


def _shape(painter: QPainter, shape: int, at: QPointF, size: float) -> None:
    x, y, s = at.x(), at.y(), size
    if shape == 0:
        painter.drawEllipse(at, s, s)
    elif shape == 1:
        painter.drawPolygon(QPolygonF([QPointF(x, y - s), QPointF(x + s, y), QPointF(x, y + s), QPointF(x - s, y)]))
    elif shape == 2:
        painter.drawPolygon(QPolygonF([QPointF(x, y - s), QPointF(x + s, y + s), QPointF(x - s, y + s)]))
    elif shape == 3:
        painter.drawPolygon(QPolygonF([QPointF(x, y + s), QPointF(x + s, y - s), QPointF(x - s, y - s)]))
    elif shape == 4:
        painter.drawRect(QRectF(x - s, y - s * 0.5, 2 * s, s))
    elif shape == 5:
        painter.drawRect(QRectF(x - s * 0.5, y - s, s, 2 * s))
    else:
        painter.drawRect(QRectF(x - s, y - s * 0.3, 2 * s, s * 0.6))
        painter.drawRect(QRectF(x - s * 0.3, y - s, s * 0.6, 2 * s))
