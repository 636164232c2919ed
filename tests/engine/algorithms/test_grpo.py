"""Advantages against hand-worked numbers and against the published implementation's."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from arpo_engine.algorithms.advantages import group_advantages
from arpo_engine.algorithms.base import Collected
from arpo_engine.algorithms.grpo import Grpo
from arpo_engine.contract.config import GrpoConfig
from tests.engine.fakes import make_trajectory

EPS = 1e-6
CASES = json.loads((Path(__file__).parents[2] / "data" / "algo_cases.json").read_text(encoding="utf-8"))["cases"]


def reference(name: str) -> dict:
    return next(case for case in CASES if case["name"] == name)


def test_one_success_of_eight_has_the_hand_worked_advantages():
    advantages = group_advantages([1.0] + [0.0] * 7, EPS)
    assert advantages[0] == pytest.approx(2.475, abs=5e-4)
    assert advantages[1:] == pytest.approx([-0.354] * 7, abs=5e-4)


@pytest.mark.parametrize(
    "name",
    ["grpo_8_rollouts_2_success", "grpo_zero_std_all_success", "grpo_format_penalty", "grpo_after_replay_injection"],
)
def test_advantages_equal_those_of_the_published_code(name: str):
    case = reference(name)
    rewards = [row[0] for row in case["inputs"]["token_level_rewards"]["data"]]
    # Every row of the reference repeats its advantage over the tokens of the reply; the first token is one of them.
    expected = [row[0] for row in case["outputs"]["advantages"]["data"]]
    assert group_advantages(rewards, EPS) == pytest.approx(expected, abs=1e-5)


def test_equal_rewards_teach_exactly_nothing():
    assert group_advantages([0.1, 0.1, 0.1], EPS) == [0.0, 0.0, 0.0]


def test_a_member_without_siblings_has_no_advantage():
    assert group_advantages([1.0], EPS) == [0.0]


def test_advantages_of_a_group_sum_to_zero():
    assert math.fsum(group_advantages([1.0, 0.5, -0.5, 0.0, 1.0], EPS)) == pytest.approx(0.0, abs=1e-12)


def test_a_group_without_a_scored_member_is_left_out():
    lost = Collected(group_id="g1", task_id="t1", fresh=(), faults=2)
    kept = Collected(group_id="g2", task_id="t2", fresh=(make_trajectory("e1", 1.0), make_trajectory("e2", 0.0)))
    prepared = Grpo(GrpoConfig(), seed=0).prepare([lost, kept])
    assert [group.group_id for group in prepared.groups] == ["g2"]


def test_a_trajectory_without_a_reward_is_refused():
    faulty = Collected(group_id="g1", task_id="t1", fresh=(make_trajectory("e1", None), make_trajectory("e2", 0.0)))
    with pytest.raises(ValueError, match="e1 has no reward"):
        Grpo(GrpoConfig(), seed=0).prepare([faulty])
