"""Work is shared out evenly, completely, and the same way every time."""

import random

import pytest

from arpo_engine.trainer.balancing import balanced, within


def sums(weights: list[int], parts: list[list[int]]) -> list[int]:
    return [sum(weights[place] for place in part) for part in parts]


def drawn(seed: int, count: int) -> list[int]:
    chance = random.Random(seed)
    return [chance.randint(1, 4000) for _ in range(count)]


def test_a_split_worked_out_by_hand():
    assert balanced([7, 1, 6, 2], 2) == [[0, 1], [2, 3]]


@pytest.mark.parametrize("seed", range(5))
def test_every_piece_is_in_one_part_and_the_parts_weigh_alike(seed):
    weights = drawn(seed, 64)
    parts = balanced(weights, 4)
    assert sorted(place for part in parts for place in part) == list(range(64))
    assert max(sums(weights, parts)) - min(sums(weights, parts)) <= max(weights) / 4


def test_a_part_is_in_the_order_of_its_pieces():
    assert all(part == sorted(part) for part in balanced(drawn(0, 20), 3))


def test_equal_weights_are_shared_out_the_same_way_every_time():
    assert balanced([5] * 6, 3) == balanced([5] * 6, 3) == [[0, 3], [1, 4], [2, 5]]


def test_fewer_pieces_than_parts_leave_parts_empty():
    assert balanced([3, 4], 4) == [[1], [0], [], []]


def test_one_part_holds_everything():
    assert balanced([3, 1, 2], 1) == [[0, 1, 2]]


def test_no_part_and_a_negative_weight_are_refused():
    with pytest.raises(ValueError, match="among 0 parts"):
        balanced([1], 0)
    with pytest.raises(ValueError, match="weighs -2"):
        balanced([1, -2], 2)


@pytest.mark.parametrize("seed", range(5))
def test_parts_stay_within_the_most_that_one_may_hold(seed):
    weights = drawn(seed, 40)
    parts = within(weights, 16_000)
    assert sorted(place for part in parts for place in part) == list(range(40))
    assert max(sums(weights, parts)) <= 16_000
    assert len(parts) <= -(-sum(weights) // 16_000) + 1


def test_what_fits_into_one_part_stays_together():
    assert within([10, 20, 30], 60) == [[0, 1, 2]]


def test_parts_are_as_alike_as_they_can_be_and_not_filled_to_the_brim():
    assert sums([10] * 6, within([10] * 6, 50)) == [30, 30]


def test_a_piece_that_is_too_heavy_stands_alone():
    assert within([10, 99, 20], 50) == [[0, 2], [1]]


def test_nothing_to_share_out_makes_no_part():
    assert within([], 50) == []


def test_a_part_that_may_hold_nothing_is_refused():
    with pytest.raises(ValueError, match="at most 0"):
        within([1], 0)
