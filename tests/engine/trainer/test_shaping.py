"""What of a trajectory is learnt from."""

from __future__ import annotations

from dataclasses import replace

from arpo_engine.contract.config import GrpoConfig
from arpo_engine.trainer.shaping import cut, shaped
from arpo_engine.types import Member
from tests.engine.fakes import make_step, make_trajectory

THREE_TURNS = make_trajectory("e", 1.0, steps=tuple(make_step(shade=shade) for shade in range(3)))
"""Each turn has three tokens of prompt and three of reply."""


def test_an_overlong_trajectory_is_cut_between_turns_and_its_screenshots_with_it():
    assert cut(THREE_TURNS, 17).steps == THREE_TURNS.steps[:2]
    assert cut(THREE_TURNS, 12).steps == THREE_TURNS.steps[:2]
    assert cut(THREE_TURNS, 11).steps == THREE_TURNS.steps[:1]


def test_one_that_fits_stays_the_very_same():
    assert cut(THREE_TURNS, 18) is THREE_TURNS
    member = Member(trajectory=THREE_TURNS, advantage=1.0)
    assert shaped(member, GrpoConfig(max_learnt_tokens=18), chat=None) is member
    assert shaped(member, GrpoConfig(), chat=None) is member


def test_turns_seen_through_a_window_are_samples_of_their_own_and_do_not_add_up():
    turns = tuple(replace(make_step(shade=shade), window=None if shade == 0 else 1) for shade in range(4))
    windowed = make_trajectory("w", 1.0, steps=turns)
    assert cut(windowed, 6) is windowed
    assert cut(windowed, 5).steps == ()


def test_nothing_is_learnt_after_a_window_that_is_too_long():
    long = replace(make_step(shade=2), window=2, prompt_ids=(1,) * 7)
    turns = (make_step(), make_step(shade=1), long, replace(make_step(shade=3), window=2))
    assert cut(make_trajectory("w", 1.0, steps=turns), 12) == make_trajectory("w", 1.0, steps=turns)
    assert cut(make_trajectory("w", 1.0, steps=turns[1:]), 9).steps == turns[1:2]


def test_a_first_turn_that_does_not_fit_leaves_nothing_to_learn_from():
    assert cut(THREE_TURNS, 5).tokens == 0


def test_the_score_of_what_was_cut_stays():
    short = shaped(Member(trajectory=THREE_TURNS, advantage=0.5), GrpoConfig(max_learnt_tokens=6), chat=None)
    assert (short.advantage, short.trajectory.reward, len(short.trajectory.steps)) == (0.5, 1.0, 1)
