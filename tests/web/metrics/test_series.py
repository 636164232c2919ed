"""Curves: every point while there are few, faithful buckets when there are many, and segments of resumed attempts."""

from __future__ import annotations

import math
import random
from datetime import timedelta

import pytest

from tests.web.builders import EPOCH
from webapp.metrics.models import Bucket, Point, Series
from webapp.metrics.series import keys_of, series
from webapp.metrics.services import PointRow, record_points
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db

KEY = "train/success"


def points(values: dict[int, float | None], attempt: int = 1) -> list[PointRow]:
    return [(KEY, attempt, step, EPOCH + timedelta(seconds=step), value) for step, value in values.items()]


def means(run: Run, max_points: int = 2000) -> list[tuple[int, float | None]]:
    return [(sample.step, sample.mean) for sample in series(run.pk, [KEY], max_points)[KEY].samples]


def test_a_short_series_comes_back_point_by_point(run: Run) -> None:
    record_points(run.pk, points({1: 0.1, 2: 0.2, 3: 0.3}))
    curve = series(run.pk, [KEY, "never/logged"])
    assert list(curve) == [KEY]
    assert curve[KEY].width == 1
    assert means(run) == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert keys_of(run.pk) == [KEY]


def test_writing_the_same_points_twice_changes_nothing(run: Run) -> None:
    rows = points({step: float(step) for step in range(1, 100)})
    record_points(run.pk, rows)
    before = list(Bucket.objects.order_by("level", "index").values_list("count", "total"))
    record_points(run.pk, rows)
    assert Point.objects.count() == 99
    assert list(Bucket.objects.order_by("level", "index").values_list("count", "total")) == before


def test_a_point_that_is_logged_again_replaces_the_old_one(run: Run) -> None:
    record_points(run.pk, points({1: 0.1, 2: 0.2}))
    record_points(run.pk, points({2: 0.9}))
    assert means(run) == [(1, 0.1), (2, 0.9)]
    assert Bucket.objects.get(level=1).total == pytest.approx(1.0)
    assert Series.objects.get().last_value == 0.9


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_a_number_that_is_none_is_marked_and_breaks_nothing(run: Run, value: float | None) -> None:
    record_points(run.pk, points({1: 1.0, 2: value, 3: 3.0}))
    samples = series(run.pk, [KEY])[KEY].samples
    assert [(sample.mean, sample.gaps) for sample in samples] == [(1.0, 0), (None, 1), (3.0, 0)]
    bucket = Bucket.objects.get(level=1)
    assert (bucket.count, bucket.gaps, bucket.minimum, bucket.maximum) == (2, 1, 1.0, 3.0)


def test_a_long_series_keeps_its_extremes_and_its_mean(run: Run) -> None:
    chance = random.Random(7)
    values: dict[int, float | None] = {step: chance.gauss(0, 1) for step in range(1, 20_001)}
    values[12_345] = 99.0
    record_points(run.pk, points(values))
    curve = series(run.pk, [KEY], max_points=500)[KEY]
    assert 250 <= len(curve.samples) <= 501
    assert max(sample.maximum or 0.0 for sample in curve.samples) == 99.0
    assert sum(sample.count for sample in curve.samples) == 20_000
    mean = sum((sample.mean or 0.0) * sample.count for sample in curve.samples) / 20_000
    assert mean == pytest.approx(sum(value or 0.0 for value in values.values()) / 20_000)


def test_points_that_come_in_batches_and_out_of_order_make_the_same_buckets(run: Run) -> None:
    rows = points({step: math.sin(step) for step in range(1, 3000)})
    random.Random(1).shuffle(rows)
    for place in range(0, len(rows), 700):
        record_points(run.pk, rows[place : place + 700])
    curve = series(run.pk, [KEY], max_points=100)[KEY]
    assert sum(sample.count for sample in curve.samples) == 2999
    steps = [sample.step for sample in curve.samples]
    assert steps == sorted(steps)


def test_a_resumed_attempt_supersedes_the_steps_it_repeats(run: Run) -> None:
    record_points(run.pk, points(dict.fromkeys(range(1, 11), 1.0)))
    record_points(run.pk, points(dict.fromkeys(range(6, 13), 2.0), attempt=2))
    assert [mean for _, mean in means(run)] == [1.0] * 5 + [2.0] * 7
    first, second = series(run.pk, [KEY])[KEY].segments
    assert (first.attempt, first.superseded_from) == (1, 6)
    assert (second.attempt, second.superseded_from) == (2, None)
    assert Point.objects.filter(attempt=1).count() == 10


def test_a_long_superseded_series_is_cut_at_the_exact_step(run: Run) -> None:
    record_points(run.pk, points(dict.fromkeys(range(1, 5001), 1.0)))
    record_points(run.pk, points(dict.fromkeys(range(4001, 6001), 2.0), attempt=2))
    first, second = series(run.pk, [KEY], max_points=100)[KEY].segments
    assert sum(sample.count for sample in first.samples) == 4000
    assert {sample.mean for sample in first.samples} == {1.0}
    assert sum(sample.count for sample in second.samples) == 2000


def test_an_attempt_that_repeats_everything_hides_the_one_before(run: Run) -> None:
    record_points(run.pk, points({1: 1.0, 2: 1.0}))
    record_points(run.pk, points({1: 2.0}, attempt=2))
    assert means(run) == [(1, 2.0)]


def test_two_runs_do_not_mix(run: Run, runner: object, team: object) -> None:
    from tests.web.builders import make_run

    other = make_run(runner, team)  # type: ignore[arg-type]
    record_points(run.pk, points({1: 1.0}))
    record_points(other.pk, points({1: 2.0}))
    assert means(run) == [(1, 1.0)]


def test_no_points_are_no_work(run: Run) -> None:
    record_points(run.pk, [])
    assert series(run.pk, [KEY]) == {}


def test_what_was_not_finite_is_kept_through_the_buckets(run: Run) -> None:
    record_points(run.pk, points({1: 1.0, 2: math.nan, 3: math.inf, 4: None, 5: -math.inf}))
    assert [sample.odd for sample in series(run.pk, [KEY])[KEY].samples] == [0, 1, 2, 0, 4]
    assert set(Bucket.objects.values_list("odd", flat=True)) == {7}
    (joined,) = series(run.pk, [KEY], max_points=1)[KEY].samples
    assert (joined.odd, joined.gaps, joined.mean) == (7, 4, 1.0)


def test_a_part_of_the_steps_is_read_in_finer_buckets(run: Run) -> None:
    record_points(run.pk, points({step: float(step) for step in range(1, 10_001)}))
    whole = series(run.pk, [KEY], 500)[KEY]
    part = series(run.pk, [KEY], 500, steps=(5000, 5400))[KEY]
    assert whole.width == 32
    assert part.width == 1
    assert [sample.step for sample in part.samples] == list(range(5000, 5401))


def test_a_part_whose_ends_lie_inside_buckets_shows_them_whole(run: Run) -> None:
    record_points(run.pk, points({step: float(step) for step in range(1, 10_001)}))
    part = series(run.pk, [KEY], 100, steps=(1001, 5003))[KEY]
    steps = [sample.step for sample in part.samples]
    assert part.width == 64
    assert steps == sorted(set(steps))
    assert part.samples[0].step - part.width < 1001 <= part.samples[0].step
    assert part.samples[-1].step >= 5003


def test_a_part_before_a_restart_holds_nothing_of_what_was_done_again(run: Run) -> None:
    record_points(run.pk, points(dict.fromkeys(range(1, 5001), 1.0)))
    record_points(run.pk, points(dict.fromkeys(range(4001, 6001), 2.0), attempt=2))
    first, second = series(run.pk, [KEY], 50, steps=(3000, 4500))[KEY].segments
    assert {sample.mean for sample in first.samples} == {1.0}
    assert max(sample.step for sample in first.samples) == 4000
    assert {sample.mean for sample in second.samples} == {2.0}
    (alone,) = series(run.pk, [KEY], 50, steps=(100, 3995))[KEY].segments
    assert max(sample.step for sample in alone.samples) <= 4000


def test_a_part_beyond_the_end_is_empty(run: Run) -> None:
    record_points(run.pk, points({1: 1.0}))
    assert len(series(run.pk, [KEY], 50, steps=(100, 200))[KEY]) == 0


def test_of_two_values_of_one_step_in_a_batch_the_last_counts(run: Run) -> None:
    record_points(run.pk, [*points({1: 1.0}), *points({1: 2.0})])
    assert means(run) == [(1, 2.0)]


def test_a_batch_that_is_partly_there_adds_the_rest(run: Run) -> None:
    record_points(run.pk, points({1: 1.0, 2: 2.0}))
    record_points(run.pk, points({2: 9.0, 3: 3.0}))
    assert means(run) == [(1, 1.0), (2, 9.0), (3, 3.0)]
