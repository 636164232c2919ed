"""Intervals and differences, against numbers worked out elsewhere."""

from __future__ import annotations

import random

import pytest

from webapp.analysis.estimates import delta, mean_of, rate, student


def test_a_rate_has_wilsons_interval_and_says_what_it_is_made_of() -> None:
    one = rate(27, 72)
    assert one is not None
    assert (one.value, one.successes, one.tries, one.how) == (0.375, 27, 72, "wilson")
    assert (one.low, one.high) == (pytest.approx(0.2722, abs=1e-4), pytest.approx(0.4905, abs=3e-4))


def test_nothing_tried_is_no_rate() -> None:
    assert rate(0, 0) is None


def test_a_difference_of_rates_is_newcombes() -> None:
    # The first example of Newcombe (1998), table II, method 10: 56/70 against 48/80.
    one, other = rate(56, 70), rate(48, 80)
    assert one is not None and other is not None
    apart = delta(one, other)
    assert apart.value == pytest.approx(0.2)
    assert (apart.low, apart.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
    assert apart.clear and apart.how == "newcombe"


def test_equal_rates_of_few_tries_do_not_differ_clearly() -> None:
    one, other = rate(1, 2), rate(0, 2)
    assert one is not None and other is not None
    assert not delta(one, other).clear


def test_a_mean_of_stretches_has_students_interval() -> None:
    one = mean_of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert one is not None
    # 3 ± 2.776 * sqrt(2.5 / 5)
    assert (one.low, one.high) == (pytest.approx(1.0370, abs=1e-3), pytest.approx(4.9630, abs=1e-3))
    assert one.how == "batch means"


@pytest.mark.parametrize("batches", [[1.0], [1.0, 2.0, 3.0, 4.0]])
def test_few_stretches_have_no_interval(batches: list[float]) -> None:
    one = mean_of(batches)
    assert one is not None
    assert (one.low, one.how) == (None, "none")
    other = mean_of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert other is not None
    assert delta(one, other).low is None


def test_no_steps_are_no_mean() -> None:
    assert mean_of([]) is None


def test_the_interval_of_a_difference_of_means_holds_the_truth_as_often_as_it_says() -> None:
    chance = random.Random(5)
    held = 0
    for _ in range(400):
        one = mean_of([chance.gauss(1.0, 0.5) for _ in range(10)])
        other = mean_of([chance.gauss(0.2, 1.5) for _ in range(8)])
        assert one is not None and other is not None
        apart = delta(one, other)
        assert apart.low is not None and apart.high is not None
        held += apart.low <= 0.8 <= apart.high
    assert 0.92 <= held / 400 <= 0.98


def test_two_constants_differ_exactly() -> None:
    one, other = mean_of([2.0] * 6), mean_of([1.5] * 6)
    assert one is not None and other is not None
    apart = delta(one, other)
    assert (apart.value, apart.low, apart.high) == (0.5, 0.5, 0.5)


def test_many_degrees_of_freedom_are_the_normal_ones() -> None:
    assert student(1) > student(5) > student(30) > student(31) == 1.96
