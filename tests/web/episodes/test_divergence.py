"""Where two tries part: places may be off by a little, everything else may not."""

from __future__ import annotations

from typing import Any

import pytest

from webapp.episodes.divergence import alike, parts_at


def click(x: int, y: int, **more: Any) -> dict[str, Any]:
    return {"kind": "click", "x": x, "y": y, "button": "left", "count": 1, **more}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (click(100, 100), click(118, 82), True),
        (click(100, 100), click(121, 100), False),
        (click(100, 100), click(100, 100, count=2), False),
        (click(100, 100), {"kind": "move", "x": 100, "y": 100}, False),
        ({"kind": "type", "text": "milk"}, {"kind": "type", "text": "milk"}, True),
        ({"kind": "type", "text": "milk"}, {"kind": "type", "text": "Milk"}, False),
        (None, None, True),
        (None, click(1, 1), False),
        ({"kind": "several", "actions": [click(1, 1)]}, {"kind": "several", "actions": [click(2, 2)]}, True),
        ({"kind": "several", "actions": [click(1, 1)]}, {"kind": "several", "actions": []}, False),
        ({"kind": "odd", "x": "here"}, {"kind": "odd", "x": "there"}, False),
    ],
)
def test_a_click_a_few_pixels_away_is_the_same_click(one: Any, other: Any, same: bool) -> None:
    assert alike(one, other, screen=1000) is same


def test_what_is_near_grows_with_the_screen() -> None:
    assert not alike(click(0, 0), click(30, 0), screen=1000)
    assert alike(click(0, 0), click(30, 0), screen=1920)


def test_they_part_at_the_first_difference_or_where_one_ends() -> None:
    way = [click(1, 1), click(500, 1), click(1, 500)]
    assert parts_at(way, way) is None
    assert parts_at(way, [way[0], way[2]]) == 1
    assert parts_at(way, way[:2]) == 2
    assert parts_at([], way) == 0
