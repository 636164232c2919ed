from __future__ import annotations

import random
from collections import defaultdict
from itertools import combinations, pairwise

import numpy as np
import pytest

from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pocket import drawing
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.layouts import LAYOUTS, VARIANTS
from arpo_engine.desktops.pocket.oracle import demonstrate
from arpo_engine.desktops.pocket.qt import application
from arpo_engine.desktops.pocket.tasks import make_task
from arpo_engine.desktops.pocket.templates import TEMPLATES
from arpo_engine.desktops.pocket.vocabulary import BADGE_WORDS

MOST_BY_HEART = 0.06


@pytest.mark.parametrize("page", list(LAYOUTS))
def test_no_widget_keeps_its_place_in_two_arrangements(page: str) -> None:
    for one, other in combinations(LAYOUTS[page], 2):
        assert one.keys() == other.keys()
        assert all(one[letter][:2] != other[letter][:2] for letter in one)


@pytest.mark.parametrize("page", list(LAYOUTS))
def test_widgets_keep_their_size_stay_below_the_title_and_never_overlap(page: str) -> None:
    assert len(LAYOUTS[page]) == VARIANTS
    for blocks in LAYOUTS[page]:
        cells = [
            (column + x, row + y)
            for column, row, width, height in blocks.values()
            for x in range(width)
            for y in range(height)
        ]
        assert len(cells) == len(set(cells))
        assert all(0 <= column < drawing.COLUMNS and 1 <= row < drawing.ROWS for column, row in cells)
        assert {letter: block[2:] for letter, block in blocks.items()} == {
            letter: block[2:] for letter, block in LAYOUTS[page][0].items()
        }


def test_right_moves_learnt_by_heart_do_not_carry_to_another_desktop(desktop: PocketDesktop) -> None:
    """A policy without eyes, even with perfect moves for an instruction, fails where the same words stand elsewhere."""
    rng = random.Random(0)
    rates = []
    for name, template in TEMPLATES.items():
        if template.infeasible:
            continue
        by_instruction: dict[str, list[Task]] = defaultdict(list)
        for _ in range(16):
            task = make_task(name, rng, "train")
            by_instruction[task.instruction].append(task)
        tried = [
            _replayed(desktop, one, other, rng) for tasks in by_instruction.values() for one, other in pairwise(tasks)
        ]
        rates.append(sum(tried) / len(tried) if tried else 0.0)
    assert sum(rates) / len(rates) < MOST_BY_HEART


def _replayed(desktop: PocketDesktop, one: Task, other: Task, rng: random.Random) -> float:
    shown = demonstrate(desktop, one, rng)
    desktop.reset(other)
    for step in shown.steps:
        desktop.step(step.action)
    return desktop.score(shown.steps[-1].action)


def test_every_word_has_a_badge_of_its_own() -> None:
    application()
    assert len(set(BADGE_WORDS)) == len(BADGE_WORDS) <= drawing.HUES * drawing.SHAPES
    pictures = {}
    for word in BADGE_WORDS:
        image = drawing.badge(word)
        pictures[word] = np.frombuffer(image.constBits(), np.uint8).astype(np.int16)
    for one, other in combinations(BADGE_WORDS, 2):
        assert np.abs(pictures[one] - pictures[other]).mean() > 4, (one, other)


def test_every_cell_of_the_wallpaper_shows_where_it_is(desktop: PocketDesktop) -> None:
    pixels = desktop.reset(make_task("open-app", random.Random(0), "train")).pixels
    image = drawing.wallpaper()
    colors = {
        image.pixelColor(14 + 28 * column, 14 + 28 * row).getRgb()
        for column in range(drawing.COLUMNS)
        for row in range(drawing.ROWS)
    }
    assert len(colors) == drawing.COLUMNS * drawing.ROWS
    assert pixels.shape == (drawing.HEIGHT, drawing.WIDTH, 3)
