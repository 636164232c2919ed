"""Screens in random states, and where their words are: data for learning to point. Serves training, never a policy."""

from __future__ import annotations

import random

import numpy as np

from arpo_engine.contract.actions import Click, TypeText
from arpo_engine.desktops.pocket import drawing
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.qt import QPainter, application
from arpo_engine.desktops.pocket.tasks import make_task
from arpo_engine.desktops.pocket.templates import TEMPLATES
from arpo_engine.desktops.pocket.vocabulary import APPS, BADGE_WORDS, HOME, POOLS, PoolName
from arpo_engine.types import Pixels

MAX_CLICKS = 3
_STAY_HOME = 0.12
_LEAVING = ("Close",)


_PLATES = (drawing.GLASS, drawing.GLASS_SHADE, drawing.FOCUS, drawing.CHOSEN, drawing.TICKED)
FEWEST_ON_BOARD, MOST_ON_BOARD = 4, 22
_WIDE, _RAISED = 0.5, 0.3


def labels_on_screen(desktop: PocketDesktop) -> dict[str, tuple[int, int]]:
    """Every word (or `row column` of a cell) that may be clicked now, with its click point in pixels."""
    return {word: (at.x(), at.y()) for word, at in desktop.screen.labels().items()}


def random_scene(desktop: PocketDesktop, rng: random.Random) -> tuple[Pixels, dict[str, tuple[int, int]]]:
    """Bring a desktop into a random state of a random page; give what is seen and where its words are."""
    pool: PoolName = rng.choice(list(POOLS))
    desktop.reset(make_task(rng.choice(list(TEMPLATES)), rng, pool))
    if rng.random() >= _STAY_HOME:
        desktop.screen.open(rng.choice(APPS))
        for _ in range(rng.randint(0, MAX_CLICKS)):
            _random_move(desktop, rng)
    return desktop.look().pixels, labels_on_screen(desktop)


def random_board(rng: random.Random) -> tuple[Pixels, dict[str, tuple[int, int]]]:
    """Badges of words strewn over the wallpaper, and where they are.

    No page can be remembered here: a word is found by its badge or not at all.
    """
    application()
    image = drawing.wallpaper().copy()
    painter = QPainter(image)
    places = [(column, row) for column in range(drawing.COLUMNS) for row in range(drawing.ROWS)]
    words = rng.sample(BADGE_WORDS, rng.randint(FEWEST_ON_BOARD, MOST_ON_BOARD))
    labels: dict[str, tuple[int, int]] = {}
    taken: set[tuple[int, int]] = set()
    for word, (column, row) in zip(words, rng.sample(places, len(words)), strict=True):
        if (column, row) in taken:
            continue
        beside = (column + 1, row)
        wide = column + 1 < drawing.COLUMNS and beside not in taken and rng.random() < _WIDE
        taken |= {(column, row), beside} if wide else {(column, row)}
        x, y = column * drawing.CELL, row * drawing.CELL
        drawing.glass(painter, drawing.cell_rect(column, row, 1 + wide, 1), rng.choice(_PLATES))
        if wide:
            drawing.tile(painter, x, y, word, raised=rng.random() < _RAISED)
        else:
            painter.drawImage(x, y, drawing.badge(word))
        labels[word] = (x + drawing.CELL // 2, y + drawing.CELL // 2)
    painter.end()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(drawing.HEIGHT, image.bytesPerLine())
    return rows[:, : drawing.WIDTH * 3].reshape(drawing.HEIGHT, drawing.WIDTH, 3).copy(), labels


def _random_move(desktop: PocketDesktop, rng: random.Random) -> None:
    places = [(word, at) for word, at in labels_on_screen(desktop).items() if word not in _LEAVING]
    if not places or desktop.screen.stored.app == HOME:
        return
    word, (x, y) = rng.choice(places)
    desktop.step(Click(x=x, y=y))
    if desktop.screen.focus_widget is not None:
        pool = POOLS[rng.choice(list(POOLS))]
        words = pool.values if " " in word else pool.texts
        desktop.step(TypeText(text=rng.choice(words)))
