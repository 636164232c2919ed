"""Orders of the rows of a matrix, and what stands in a cell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from webapp.analysis.cells import Cell, Row, Task, ordered, shared, totals
from webapp.analysis.counts import Reach, late_from, width_of
from webapp.analysis.templatetags.analysis import middle, shade, words_of


def row(name: str, *counts: tuple[int, int] | None) -> Row:
    cells = tuple(None if one is None else Cell(successes=one[0], tries=one[1]) for one in counts)
    return Row(task=Task(task_id=name), cells=cells)


def names(rows: list[Row], order: str) -> list[str]:
    return [one.task.task_id for one in ordered(rows, order)]


def test_a_sure_disagreement_stands_before_a_wide_one_of_single_tries() -> None:
    rows = [row("once", (0, 1), (1, 1)), row("sure", (2, 16), (12, 16)), row("same", (8, 16), (8, 16))]
    assert names(rows, "disagreement") == ["sure", "once", "same"]


def test_what_only_one_column_tried_is_no_disagreement() -> None:
    assert names([row("alone", (1, 1), None), row("both", (1, 2), (1, 2))], "disagreement") == ["both", "alone"]


def test_a_regression_is_what_the_last_column_lost() -> None:
    rows = [row("lost", (4, 4), (0, 4)), row("won", (0, 4), (4, 4)), row("gone", (4, 4), None)]
    assert names(rows, "regression") == ["lost", "won", "gone"]


def test_variance_is_largest_where_half_is_solved() -> None:
    rows = [row("half", (2, 4)), row("always", (4, 4)), row("seldom", (1, 4)), row("untried", None)]
    assert names(rows, "variance") == ["half", "seldom", "always", "untried"]


def test_never_solved_ones_stand_by_how_often_they_were_tried() -> None:
    rows = [row("once", (0, 1)), row("often", (0, 40)), row("easy", (4, 4)), row("hard", (1, 8)), row("untried", None)]
    assert names(rows, "never_solved") == ["often", "once", "hard", "easy", "untried"]


def test_sums_are_over_what_each_and_what_all_tried() -> None:
    rows = [row("a", (1, 2), (2, 2)), row("b", (1, 1), None), row("c", (0, 3), (0, 0))]
    assert [(cell.successes, cell.tries) for cell in totals(rows, 2)] == [(2, 6), (2, 2)]
    assert [one.task.task_id for one in shared(rows)] == ["a"]


@pytest.mark.parametrize(("rate", "step"), [(0.0, 0), (0.001, 1), (0.5, 5), (0.999, 9), (1.0, 10)])
def test_only_never_and_always_have_the_ends_of_the_scale(rate: float, step: int) -> None:
    assert shade(rate) == step


def test_a_cell_says_everything_in_words() -> None:
    cell = Cell(successes=3, tries=8, faults=3, lost=1, in_replay=2)
    assert words_of(cell) == (
        "37.5 % (3/8), 95 % interval 13.7 – 69.4 %; 3 lost to infrastructure faults, 2 made good by another try; "
        "2 in the replay buffer"
    )
    assert words_of(Cell(successes=0, tries=0, faults=1, lost=1)) == "no scored try; 1 lost to infrastructure faults"


def test_the_text_of_every_shade_is_readable() -> None:
    rules = re.findall(r"\.s\d+ \{ background: (#\w+); color: (#\w+); \}", Path("static/css/analysis.css").read_text())
    assert len(rules) == 11

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for ground, text in rules:
        low, high = sorted((luminance(ground), luminance(text)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, ground


@pytest.mark.parametrize(("first", "last", "width"), [(0, 19, 1), (0, 20, 2), (1, 99, 5), (0, 10_000, 1000), (7, 7, 1)])
def test_steps_are_shown_in_at_most_twenty_stretches_of_a_round_length(first: int, last: int, width: int) -> None:
    assert width_of(first, last) == width
    assert last // width - first // width < 20


def test_the_late_part_is_the_last_fifth_and_always_holds_the_last_step() -> None:
    assert late_from({"a": (0, 100), "b": (1, 1), "c": (0, 3)}) == {"a": 80, "b": 1, "c": 3}


def test_measured_tries_are_shown_where_there_are_any() -> None:
    assert Reach(steps={("a", "train"): (1, 9), ("b", "held_out"): (0, 8)}).usual == "measured"
    reach = Reach(steps={("a", "train"): (1, 9), ("a", "selection"): (0, 0)})
    assert (reach.usual, reach.sets, reach.of(["train"])) == ("train", ["train", "selection", "all"], {"a": (1, 9)})


def test_a_long_name_keeps_both_of_its_ends() -> None:
    assert middle("short") == "short"
    assert middle("UI-TARS 7B with everything, seed 12", 20) == "UI-TARS 7B…, seed 12"
