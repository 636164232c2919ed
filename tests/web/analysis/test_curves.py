"""Curves of several runs: late windows, means over runs, and what is drawn of them."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from tests.web.builders import EPOCH, make_run
from webapp.accounts.models import Team, User
from webapp.analysis.compared_figures import RunLine, Subject, draw_groups, draw_runs
from webapp.analysis.curves import Placed, band_of
from webapp.analysis.strokes import DASHES, strokes_of
from webapp.analysis.windows import late_windows
from webapp.metrics.axes import View
from webapp.metrics.services import record_points
from webapp.runs.models import Run

KEY = "train/reward"


def line(x: list[float], y: list[float | None]) -> Placed:
    return Placed(x=x, raw=y, y=y, width=1)


def log(run: Run, values: dict[int, float | None], attempt: int = 1) -> None:
    rows = [(KEY, attempt, step, EPOCH + timedelta(seconds=step), value) for step, value in values.items()]
    record_points(run.pk, rows)


def test_the_mean_of_two_curves_is_taken_between_their_samples() -> None:
    band = band_of([line([0, 10], [0.0, 1.0]), line([0, 5, 10], [1.0, 1.0, 2.0])])
    assert (band.x[0], band.x[-1]) == (0, 10)
    assert band.mean[0] == pytest.approx(0.5) and band.mean[-1] == pytest.approx(1.5)
    assert band.spread[0] == pytest.approx(0.5**0.5)
    assert set(band.runs) == {2}


def test_a_shorter_run_is_counted_as_far_as_it_got() -> None:
    band = band_of([line([0, 10], [0.0, 0.0]), line([0, 5], [1.0, 1.0])])
    assert (band.runs[0], band.runs[-1]) == (2, 1)
    assert (band.mean[0], band.mean[-1]) == (0.5, 0.0)
    assert band.spread[-1] == 0.0


def test_what_is_not_finite_is_no_part_of_a_mean() -> None:
    assert band_of([line([0, 1], [None, None])]).x == []
    assert band_of([line([0, 1, 2], [1.0, None, 3.0])]).mean[-1] == 3.0


def test_runs_keep_their_colour_and_share_one_by_dashes() -> None:
    ids = [f"run{number:09d}" for number in range(12)]
    strokes = strokes_of(ids)
    assert len({(stroke.colour, stroke.dash) for stroke in strokes.values()}) == 12
    assert strokes_of(ids[::-1]) == strokes
    assert strokes_of(ids[:1])[ids[0]].colour == strokes[ids[0]].colour
    assert strokes_of(ids[:1])[ids[0]].dash == "solid"
    assert {stroke.dash for stroke in strokes.values()} <= set(DASHES)


def test_each_run_is_a_line_and_what_has_nothing_is_counted() -> None:
    strokes = strokes_of(["a", "b"])
    lines = [
        RunLine(name="A", stroke=strokes["a"], placed=line([1, 2], [0.1, 0.2])),
        RunLine(name="B", stroke=strokes["b"], placed=None),
    ]
    drawn = draw_runs(Subject(title="Reward"), lines, View())
    assert [trace["name"] for trace in drawn.figure["data"]] == ["A"]
    assert drawn.note == "1 without it"
    assert drawn.table[0]["points"] == [[1, 0.1], [2, 0.2]]
    nothing = draw_runs(Subject(title="Reward"), lines[1:], View(x="env_steps"))
    assert nothing.try_x == "step" and "environment steps" in nothing.why


def test_groups_are_drawn_as_mean_and_band() -> None:
    strokes = strokes_of(["arpo", "grpo"])
    lines = [
        RunLine(name=name, stroke=strokes[group], placed=line([0, 1], [value, value]), group=group)
        for name, group, value in (("A", "arpo", 1.0), ("B", "arpo", 3.0), ("C", "grpo", 0.5))
    ]
    drawn = draw_groups(Subject(title="Reward"), lines, View())
    assert [trace["name"] for trace in drawn.figure["data"]] == [
        "arpo (2 runs), spread",
        "arpo (2 runs)",
        "grpo (1 run)",
    ]
    band, mean, _ = drawn.figure["data"]
    assert max(band["y"]) == pytest.approx(2 + 2**0.5) and mean["y"][0] == 2.0
    assert drawn.note.startswith("mean ± 1 standard deviation")


@pytest.mark.django_db
def test_the_late_window_is_the_mean_of_the_last_fifth(run: Run) -> None:
    log(run, {step: float(step > 80) for step in range(1, 101)})
    window = late_windows([run.pk], [KEY, "never"])[(run.pk, KEY)]
    assert (window.value, set(window.batches)) == (1.0, {1.0})
    assert len(late_windows([run.pk], ["never"])) == 0


@pytest.mark.django_db
def test_a_long_curve_is_read_in_few_stretches_that_agree_with_its_points(run: Run) -> None:
    chance = random.Random(2)
    values: dict[int, float | None] = {step: chance.gauss(0, 1) for step in range(1, 20_001)}
    values[19_990] = None
    log(run, values)
    window = late_windows([run.pk], [KEY])[(run.pk, KEY)]
    late = [value for step, value in values.items() if step >= 15_872 and value is not None]
    assert 8 <= len(window.batches) <= 64
    assert window.value == pytest.approx(sum(late) / len(late), abs=0.01)


@pytest.mark.django_db
def test_steps_that_were_done_again_count_once(run: Run) -> None:
    log(run, dict.fromkeys(range(1, 101), 1.0))
    log(run, dict.fromkeys(range(61, 101), 2.0), attempt=2)
    assert late_windows([run.pk], [KEY])[(run.pk, KEY)].value == 2.0


@pytest.mark.django_db
def test_runs_do_not_mix(run: Run, runner: User, team: Team) -> None:
    other = make_run(runner, team)
    log(run, {1: 1.0})
    log(other, {1: 5.0})
    found = late_windows([run.pk, other.pk], [KEY])
    assert {run_id: window.value for (run_id, _), window in found.items()} == {run.pk: 1.0, other.pk: 5.0}
