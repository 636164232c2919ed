"""What a figure draws, from curves made by hand: attempts apart, gaps, bands, marks, odd values, axes and ranges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from webapp.drawn import Drawn
from webapp.metrics.axes import View, read_end
from webapp.metrics.charts import Chart, Line
from webapp.metrics.columns import MINUS_INF, NAN, PLUS_INF, Columns, Curve, Segment, odd_bit, odd_words
from webapp.metrics.csvfile import csv_lines
from webapp.metrics.figures import draw
from webapp.metrics.marks import Mark

BEGUN = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHART = Chart(name="loss", title="Loss", story="", lines=(Line(key="loss", name="loss", colour="#0072B2"),))


def stretch(
    steps: Sequence[int], values: Sequence[float | None], *, odd: Sequence[int] = (), count: int = 1, spread: float = 0
) -> Columns:
    at = [(BEGUN + timedelta(seconds=60 * step)).timestamp() for step in steps]
    return Columns(
        step=steps,
        at=at,
        mean=values,
        minimum=[None if value is None else value - spread for value in values],
        maximum=[None if value is None else value + spread for value in values],
        last=values,
        count=[count * (value is not None) for value in values],
        gaps=[int(value is None) for value in values],
        odd=odd or [0] * len(steps),
    )


def curve(*attempts: Columns, width: int = 1, key: str = "loss") -> dict[str, Curve]:
    segments = tuple(
        Segment(attempt=number, first_step=columns.step[0], columns=columns)
        for number, columns in enumerate(attempts, start=1)
    )
    return {key: Curve(key=key, segments=segments, width=width)}


def trace(drawn: Drawn, name: str = "loss") -> dict[str, Any]:
    return next(one for one in drawn.figure["data"] if one["name"] == name)


def view(**changes: Any) -> View:
    return View(**{"started": BEGUN, "lasted_s": 600.0, **changes})


def test_a_resumed_attempt_is_a_segment_of_its_own() -> None:
    drawn = draw(CHART, curve(stretch([1, 2, 3, 4], [1.0, 2.0, 3.0, 4.0]), stretch([5, 6], [5.0, 6.0])), view())
    assert trace(drawn)["x"] == [1, 2, 3, 4, None, 5, 6]
    assert trace(drawn)["y"] == [1.0, 2.0, 3.0, 4.0, None, 5.0, 6.0]


def test_smoothing_begins_anew_with_an_attempt() -> None:
    drawn = draw(CHART, curve(stretch([1, 2, 3], [9.0] * 3), stretch([4, 5, 6], [1.0] * 3)), view(smoothing=0.9))
    assert trace(drawn)["y"] == pytest.approx([9.0, 9.0, 9.0, None, 1.0, 1.0, 1.0])
    assert trace(drawn, "loss, raw")["opacity"] < 0.5


def test_where_nothing_was_logged_for_long_the_line_is_open_and_the_gap_shaded() -> None:
    drawn = draw(CHART, curve(stretch([1, 2, 3, 4, 40, 41], [1.0] * 6)), view())
    assert trace(drawn)["x"] == [1, 2, 3, 4, None, 40, 41]
    (shape,) = drawn.figure["layout"]["shapes"]
    assert (shape["type"], shape["x0"], shape["x1"]) == ("rect", 4, 40)
    assert "1 gap shaded" in drawn.note


def test_the_time_between_two_attempts_is_a_gap_of_the_wall_and_none_of_the_steps() -> None:
    late = stretch([5, 6, 7], [1.0] * 3)
    late = Columns(**{name: getattr(late, name) for name in late.__dataclass_fields__ if name != "at"},
                   at=[at + 7200 for at in late.at])  # fmt: skip
    curves = curve(stretch([1, 2, 3, 4], [1.0] * 4), late)
    assert draw(CHART, curves, view()).figure["layout"]["shapes"] == []
    assert len(draw(CHART, curves, view(x="wall")).figure["layout"]["shapes"]) == 1


def test_joined_points_have_a_band_from_least_to_greatest_and_a_note() -> None:
    drawn = draw(CHART, curve(stretch([8, 16, 24], [1.0, None, 3.0], count=8, spread=0.5), width=8), view())
    band = trace(drawn, "loss, least to greatest")
    assert band["fill"] == "toself"
    assert band["x"] == [8, 8, None, 24, 24]
    assert band["y"] == [1.5, 0.5, None, 3.5, 2.5]
    assert drawn.note == "1 point = 8 steps: mean, least to greatest behind"


def test_single_points_have_no_band() -> None:
    drawn = draw(CHART, curve(stretch([1, 2, 3], [1.0, 2.0, 3.0])), view())
    assert [one["name"] for one in drawn.figure["data"]] == ["loss"]
    assert drawn.note == ""


def test_what_was_not_finite_is_marked_with_its_name_at_the_last_finite_height() -> None:
    values = [1.0, None, 3.0, None]
    drawn = draw(CHART, curve(stretch([1, 2, 3, 4], values, odd=[0, NAN, 0, PLUS_INF | MINUS_INF])), view())
    marks = trace(drawn, "loss, not finite")
    assert (marks["x"], marks["y"], marks["text"]) == ([2, 4], [1.0, 3.0], ["NaN", "+Inf and −Inf"])
    assert drawn.table[0]["odd"] == [[2, "NaN"], [4, "+Inf and −Inf"]]


def test_a_series_of_nothing_but_nan_is_drawn_and_can_be_sent() -> None:
    drawn = draw(CHART, curve(stretch([1, 2], [None, None], odd=[NAN, NAN])), view(hide_outliers=True, log=True))
    assert not drawn.why
    json.dumps(drawn.figure, allow_nan=False)


def test_words_of_what_is_not_finite() -> None:
    assert [odd_bit(value) for value in (1.0, None, float("nan"), float("inf"), float("-inf"))] == [0, 0, 1, 2, 4]
    assert odd_words(0) == "no number"


def test_every_kind_of_mark_has_a_shape_a_row_and_words() -> None:
    kinds = ("checkpoint", "evaluation", "replay", "restart", "alert")
    marks = [Mark(kind=kind, step=3, at=BEGUN, words=f"a {kind}") for kind in kinds]  # type: ignore[arg-type]
    drawn = draw(CHART, curve(stretch([1, 2, 3], [1.0] * 3)), view(), marks)
    found = {one["name"]: one for one in drawn.figure["data"] if one["name"] in kinds}
    assert {one["text"][0] for one in found.values()} == {f"a {kind}" for kind in kinds}
    assert len({one["y"][0] for one in found.values()}) == len({one["marker"]["symbol"] for one in found.values()}) == 5
    lines = [shape for shape in drawn.figure["layout"]["shapes"] if shape["type"] == "line"]
    assert len(lines) == 2, "restart and alert stand through the whole chart"


def test_a_mark_that_knows_no_step_stands_where_the_run_was_then() -> None:
    mark = Mark(kind="alert", step=None, at=BEGUN + timedelta(seconds=130), words="lost")
    drawn = draw(CHART, curve(stretch([1, 2, 3], [1.0] * 3)), view(), [mark])
    assert trace(drawn, "alert")["x"] == [2]


def test_marks_can_be_left_out() -> None:
    mark = Mark(kind="alert", step=1, at=BEGUN, words="lost")
    drawn = draw(CHART, curve(stretch([1, 2, 3], [1.0] * 3)), view(marks=False), [mark])
    assert [one["name"] for one in drawn.figure["data"]] == ["loss"]


@pytest.mark.parametrize(
    ("axis", "expected"),
    [("step", [1, 2]), ("env_steps", [100.0, 250.0]), ("relative", [1.0, 2.0])],
)
def test_axes(axis: Any, expected: list[float]) -> None:
    curves = curve(stretch([1, 2], [1.0, 2.0])) | curve(stretch([1, 2], [100.0, 250.0]), key="env_steps")
    assert trace(draw(CHART, curves, view(x=axis)))["x"] == expected


def test_a_long_run_is_measured_in_hours() -> None:
    drawn = draw(CHART, curve(stretch([60, 120], [1.0, 2.0])), view(x="relative", lasted_s=4 * 3600.0))
    assert trace(drawn)["x"] == [1.0, 2.0]
    assert drawn.figure["layout"]["xaxis"]["title"]["text"] == "hours since the start"


def test_wall_time_is_in_milliseconds_on_an_axis_of_dates() -> None:
    drawn = draw(CHART, curve(stretch([1], [1.0])), view(x="wall"))
    assert trace(drawn)["x"] == [(BEGUN.timestamp() + 60) * 1000]
    assert drawn.figure["layout"]["xaxis"]["type"] == "date"


def test_an_axis_without_counts_explains_itself_and_offers_one_that_has_some() -> None:
    drawn = draw(CHART, curve(stretch([1, 2], [1.0, 2.0])), view(x="env_steps"))
    assert "no counts of environment steps" in drawn.why
    assert drawn.try_x == "step"


def test_one_outlier_stretches_the_axis_only_where_it_may() -> None:
    values = [1.0 + place / 100 for place in range(50)] + [1000.0]
    curves = curve(stretch(range(51), values))
    assert "range" not in draw(CHART, curves, view()).figure["layout"]["yaxis"]
    drawn = draw(CHART, curves, view(hide_outliers=True))
    low, high = drawn.figure["layout"]["yaxis"]["range"]
    assert low <= 1.0 and 1.49 < high < 2.0
    assert "1 outlier beyond the axis" in drawn.note


def test_a_constant_with_one_spike_has_an_outlier_too() -> None:
    drawn = draw(CHART, curve(stretch(range(50), [2.0] * 49 + [9e9])), view(hide_outliers=True))
    assert drawn.figure["layout"]["yaxis"]["range"][1] < 3


def test_values_that_a_logarithm_cannot_show_are_counted() -> None:
    drawn = draw(CHART, curve(stretch([1, 2, 3], [0.0, -1.0, 10.0])), view(log=True))
    assert drawn.figure["layout"]["yaxis"]["type"] == "log"
    assert "2 values at or below 0 not on the log axis" in drawn.note


@pytest.mark.parametrize(
    ("axis", "word", "value"),
    [
        ("step", "12.5", 12.5),
        ("wall", "2026-03-01 12:00:00.5", BEGUN.timestamp() + 0.5),
        ("wall", "1772366400000", 1772366400.0),
        ("step", "nan", None),
        ("step", "1e400", None),
        ("wall", "2026-99-99", None),
        ("step", "'; DROP TABLE", None),
        ("step", "", None),
    ],
)
def test_ends_of_a_range_are_read_or_left(axis: str, word: str, value: float | None) -> None:
    assert read_end(axis, word) == value


def test_a_csv_names_what_was_not_finite_and_what_a_row_stands_for() -> None:
    lines = list(csv_lines("run1", CHART, curve(stretch([8, 16], [1.5, None], odd=[0, NAN], count=8), width=8)))
    assert lines[0].startswith("run,key,attempt,step,time_utc,mean")
    assert lines[1].strip() == "run1,loss,1,8,2026-03-01T12:08:00+00:00,1.5,1.5,1.5,1.5,8,,8"
    assert lines[2].strip() == "run1,loss,1,16,2026-03-01T12:16:00+00:00,,,,,0,NaN,8"


def test_a_key_that_a_spreadsheet_would_run_is_made_inert() -> None:
    line = Line(key="=cmd()", name="x", colour="#0072B2")
    chart = Chart(name="x", title="x", story="", lines=(line,))
    assert ",'=cmd()," in list(csv_lines("run1", chart, curve(stretch([1], [1.0]), key="=cmd()")))[1]
