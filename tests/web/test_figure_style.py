"""One palette for figures and pages, one length of tables, one answer that the page's script reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from webapp.drawn import Drawn
from webapp.figure_style import OKABE_ITO, TABLE_ROWS, run_colour, thinned

ROOT = Path(__file__).resolve().parent.parent.parent
HEX = re.compile(r"#[0-9a-fA-F]{6}")


def test_the_shades_of_the_list_of_runs_are_the_colours_of_the_figures_in_the_same_order() -> None:
    styles = (ROOT / "static/css/run_list.css").read_text(encoding="utf-8")
    shades = dict(re.findall(r"\.shade-(\d+) \{ background: (#[0-9a-f]{6}); \}", styles))
    assert shades == {str(place): colour.lower() for place, colour in enumerate(OKABE_ITO)}


def test_the_palette_is_written_down_in_one_module_only() -> None:
    colours = {colour.lower() for colour in OKABE_ITO}
    elsewhere = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "webapp").rglob("*.py")
        if path.name != "figure_style.py"
        and colours & {found.lower() for found in HEX.findall(path.read_text(encoding="utf-8"))}
    }
    assert not elsewhere


def test_a_runs_colour_never_changes() -> None:
    assert [run_colour(name) for name in ("h0y41tfx1yx6", "a", "b", "")] == ["#56B4E9", "#B8A800", "#0072B2", "#0072B2"]


@pytest.mark.parametrize("length", [0, 1, 12, 13, 24, 25, 1000])
def test_a_table_has_about_a_dozen_rows_and_the_last_point_is_among_them(length: int) -> None:
    points = [(step, step / 2) for step in range(length)]
    chosen = thinned(points)
    assert len(chosen) <= TABLE_ROWS + 1
    assert chosen[:1] + chosen[-1:] == [list(point) for point in points[:1] + points[-1:]]


def test_a_last_point_that_equals_an_earlier_one_is_told_all_the_same() -> None:
    points = [(0, 0.0)] * 14
    assert len(thinned(points)) == 8


def test_a_figure_is_empty_when_there_is_a_reason_for_it() -> None:
    full = Drawn(figure={"data": [1]}, table=[], notes=["1 gap shaded", "1 outlier"]).as_data()
    assert (full["empty"], full["why"], full["note"]) == (False, "", "1 gap shaded · 1 outlier")
    nothing = Drawn(figure={"data": []}, table=[], why="Nothing was logged.", try_x="step").as_data()
    assert (nothing["empty"], nothing["why"], nothing["try_x"]) == (True, "Nothing was logged.", "step")
