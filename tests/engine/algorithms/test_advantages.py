"""Every estimator against hand-worked numbers, and against the one that conformance compares."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch

from arpo_engine.algorithms import estimators
from arpo_engine.algorithms.advantages import Rewarded, centred, left_out, step_advantages, whitened
from arpo_engine.algorithms.base import Collected
from arpo_engine.algorithms.grpo import Grpo
from arpo_engine.contract.config import GrpoConfig
from tests.engine.fakes import make_trajectory

REWARDS = [random.Random(seed).choices([1.0, 0.0, -0.5, 0.3], k=2 + seed % 7) for seed in range(40)]


def rewarded(rewards: list[float], name: str = "g", baseline: float | None = None) -> Rewarded:
    sizes = tuple(3 + place for place in range(len(rewards)))
    return Rewarded(name=name, rewards_G=tuple(rewards), tokens_G=sizes, baseline=baseline)


def columns(rewards: list[float]) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    return torch.tensor(rewards, dtype=torch.float64)[:, None], torch.ones(len(rewards), 1), ["g"] * len(rewards)


@pytest.mark.parametrize("rewards", [rewards for rewards in REWARDS if len(set(rewards)) > 1])
def test_what_a_training_uses_is_what_conformance_compares(rewards: list[float]):
    scores, mask, index = columns(rewards)
    for name, reference in (
        ("grpo", estimators.grpo(scores, mask, index)),
        ("dr_grpo", estimators.dr_grpo(scores, mask, index)),
        ("rloo", estimators.rloo(scores, mask, index)),
    ):
        (ours,) = step_advantages([rewarded(rewards)], GrpoConfig(estimator=name))
        assert ours == pytest.approx(reference[:, 0].tolist(), abs=1e-12)


def test_returns_of_a_whole_step_are_whitened_over_its_tokens():
    tokens = [1, 3, 2]
    rewards_BT, mask = torch.zeros(3, 3, dtype=torch.float64), torch.zeros(3, 3, dtype=torch.float64)
    for row, (reward, count) in enumerate(zip([1.0, 0.0, 0.5], tokens, strict=True)):
        rewards_BT[row, count - 1] = reward
        mask[row, :count] = 1
    reference, _ = estimators.reinforce_pp(rewards_BT, mask, 1.0)
    assert whitened([1.0, 0.0, 0.5], tokens) == pytest.approx(reference[:, 0].tolist(), abs=1e-6)


def test_dr_grpo_and_rloo_have_the_hand_worked_advantages():
    assert centred([1.0, 0.0, 0.0, 0.0]) == pytest.approx([0.75, -0.25, -0.25, -0.25])
    assert left_out([1.0, 0.0, 0.0, 0.0]) == pytest.approx([1.0, -1 / 3, -1 / 3, -1 / 3])


@pytest.mark.parametrize("estimator", ["grpo", "dr_grpo", "rloo", "reinforce_pp"])
def test_equal_rewards_teach_exactly_nothing_whatever_compares_them(estimator: str):
    config = GrpoConfig(estimator=estimator)
    assert step_advantages([rewarded([0.1, 0.1, 0.1])], config) == [[0.0, 0.0, 0.0]]
    assert step_advantages([rewarded([0.1])], config) == [[0.0]]


def test_remax_compares_with_the_greedy_rollout_and_with_siblings_if_that_was_lost():
    config = GrpoConfig(estimator="remax")
    groups = [rewarded([1.0, 0.0], baseline=1.0), rewarded([1.0, 0.0])]
    assert step_advantages(groups, config) == [[0.0, -1.0], [0.5, -0.5]]


def collected(name: str, scores: list[float], task: str = "t1") -> Collected:
    fresh = tuple(make_trajectory(f"{name}.{slot}", score, task=task) for slot, score in enumerate(scores))
    return Collected(group_id=name, task_id=task, fresh=fresh)


@pytest.mark.parametrize(("mode", "alive"), [("corrected", [False, False]), ("paper", [True, True])])
def test_the_same_task_twice_in_a_step_is_one_group_only_in_the_published_code(mode: str, alive: list[bool]):
    groups = (
        Grpo(GrpoConfig(mode=mode), seed=0).prepare([collected("a", [1.0, 1.0]), collected("b", [0.0, 0.0])]).groups
    )
    assert [not group.zero_gradient for group in groups] == alive


def test_a_penalty_is_asked_once_and_taken_from_rewards_before_they_are_compared():
    asked = []

    def penalty(trajectories: list, remembered: set) -> list[float]:
        asked.append((len(trajectories), set(remembered)))
        return [0.5 if item.episode_id == "a.0" else 0.0 for item in trajectories]

    groups = [collected("a", [1.0, 0.5]), collected("b", [1.0, 0.0])]
    first, second = Grpo(GrpoConfig(), seed=0).prepare(groups, penalty).groups
    assert first.zero_gradient
    assert not second.zero_gradient
    assert asked == [(4, set())]


def test_a_reward_that_is_no_finite_number_is_refused():
    group = collected("a", [1.0, 0.0])
    spoiled = replace(group.fresh[0], reward=float("nan"))
    with pytest.raises(ValueError, match="has the reward nan; take it out"):
        Grpo(GrpoConfig(), seed=0).prepare([replace(group, fresh=(spoiled, group.fresh[1]))])
