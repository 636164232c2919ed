"""Multimodal rotary positions (mrope) of a context that may hold screenshots. Knows ids and grids, no weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


def mrope_positions(
    ids: Sequence[int] | Ids, grids: Sequence[tuple[int, int]], image_id: int, start: int = 0
) -> tuple[Ids, int]:
    """Positions [3, length] (time, row, column) of `ids`, and the position at which a following token continues.

    `grids` holds (rows, columns) of each screenshot in `ids`, in order; `start` is the position of the first token.
    """
    tokens = np.asarray(ids, dtype=np.int64)
    positions = np.empty((3, len(tokens)), dtype=np.int64)
    images = np.flatnonzero(tokens == image_id)
    expected = sum(rows * columns for rows, columns in grids)
    if len(images) != expected:
        raise ValueError(f"the context holds {len(images)} image tokens, but its screenshots need {expected}")
    done, used, following = 0, 0, start
    for rows, columns in grids:
        first = int(images[used])
        positions[:, done:first] = np.arange(following, following + first - done)
        following += first - done
        cells = rows * columns
        positions[0, first : first + cells] = following
        positions[1, first : first + cells] = following + np.repeat(np.arange(rows), columns)
        positions[2, first : first + cells] = following + np.tile(np.arange(columns), rows)
        following += max(rows, columns)
        done, used = first + cells, used + cells
    positions[:, done:] = np.arange(following, following + len(tokens) - done)
    return positions, following + len(tokens) - done
