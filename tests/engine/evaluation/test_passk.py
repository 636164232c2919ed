"""Rates from few tries, against numbers worked out by hand and by counting."""

from __future__ import annotations

from itertools import combinations

import pytest

from arpo_engine.contract.intervals import wilson
from arpo_engine.evaluation.passk import mean_and_sd, pass_at_k


@pytest.mark.parametrize(
    ("attempts", "successes", "k"), [(4, 1, 1), (4, 1, 2), (5, 2, 3), (6, 0, 4), (6, 6, 1), (8, 5, 4)]
)
def test_pass_at_k_is_the_share_of_draws_that_hold_a_success(attempts: int, successes: int, k: int):
    outcomes = [True] * successes + [False] * (attempts - successes)
    draws = list(combinations(outcomes, k))
    assert pass_at_k(attempts, successes, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_is_not_the_biased_power():
    assert pass_at_k(4, 1, 2) == 0.5
    assert 1 - (1 - 1 / 4) ** 2 == 0.4375


@pytest.mark.parametrize(("attempts", "successes", "k"), [(4, 1, 5), (4, 1, 0), (4, 5, 1), (0, 0, 1), (4, -1, 1)])
def test_pass_at_k_refuses_more_tries_than_there_were(attempts: int, successes: int, k: int):
    with pytest.raises(ValueError, match="needs at least"):
        pass_at_k(attempts, successes, k)


def test_wilson_agrees_with_the_worked_example():
    # Newcombe 1998 (Statistics in Medicine 17), table I, method 3: 81/263 and 15/148.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_wilson_says_something_at_the_ends_and_nothing_of_nothing():
    low, high = wilson(0, 20)
    assert (low, high) == (0.0, pytest.approx(0.1611, abs=5e-5))
    assert wilson(29, 29) == (pytest.approx(0.8830, abs=5e-5), 1.0)
    assert wilson(0, 0) is None


def test_one_value_has_no_spread_and_none_has_no_mean():
    assert mean_and_sd([0.5, 0.7]) == (pytest.approx(0.6), pytest.approx(0.141421356))
    assert mean_and_sd([0.5]) == (0.5, None)
    assert mean_and_sd([]) == (None, None)
