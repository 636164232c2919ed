"""Names in figures: shown as they are written, whatever plotly would make of them."""

from __future__ import annotations

import json

from webapp.analysis.figures import NamedCounts, draw_history
from webapp.analysis.strokes import strokes_of
from webapp.figure_text import as_label
from webapp.metrics.charts import chart_of_key
from webapp.metrics.traces import _styled

NASTY = '<a href="https://evil.example">click</a> & <b>more</b>'


def test_a_name_with_tags_makes_no_link_in_a_figure_and_stays_as_it_is_in_the_table() -> None:
    drawn = draw_history([NamedCounts(name=NASTY, stroke=strokes_of(["one"])["one"], counts=[(1, 1, 2)])])
    assert "<" not in json.dumps(drawn.figure) and "&lt;a href" in json.dumps(drawn.figure)
    assert drawn.table[0]["name"] == NASTY


def test_a_metric_named_like_a_tag_makes_none() -> None:
    chart = chart_of_key("<b>bold</b>")
    for part in ("line", "bar", "band", "raw", "odd"):
        assert "<" not in json.dumps(_styled(part, chart, chart.lines[0]), default=str)


def test_plain_words_stay() -> None:
    assert as_label("held-out success, 37.5 %") == "held-out success, 37.5 %"
