"""Scenes that the pocket policy learns to point from."""

from __future__ import annotations

import random

import numpy as np

from arpo_engine.desktops.pocket.drawing import CELL, HEIGHT, WIDTH
from arpo_engine.desktops.pocket.scenes import FEWEST_ON_BOARD, random_board


def test_a_board_shows_each_word_in_a_cell_of_its_own() -> None:
    for seed in range(20):
        pixels, labels = random_board(random.Random(seed))
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert len(set(labels.values())) == len(labels) >= FEWEST_ON_BOARD - 1
        assert all((x % CELL, y % CELL) == (CELL // 2, CELL // 2) for x, y in labels.values())


def test_a_word_looks_the_same_on_every_board() -> None:
    seen: dict[str, np.ndarray] = {}
    compared = 0
    for seed in range(40):
        pixels, labels = random_board(random.Random(seed))
        for word, (x, y) in labels.items():
            plate = pixels[y - 9 : y + 9, x - 9 : x + 9]
            if word in seen:
                compared += 1
                assert np.abs(seen[word].astype(int) - plate).max() <= 2
            seen[word] = plate
    assert compared > 100


def test_a_board_is_the_same_for_the_same_seed() -> None:
    assert np.array_equal(random_board(random.Random(3))[0], random_board(random.Random(3))[0])
