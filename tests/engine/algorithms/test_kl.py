"""The distance from a reference, and the weight that follows it."""

from __future__ import annotations

import math

import pytest
import torch

from arpo_engine.algorithms.kl import KlWeight, kl_of_tokens, penalised
from arpo_engine.contract.config.objective import KlConfig

NEW, REFERENCE = torch.tensor([[-1.0, -2.0]]), torch.tensor([[-1.5, -1.0]])


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        ("kl", [0.5, -1.0]),
        ("abs", [0.5, 1.0]),
        ("mse", [0.125, 0.5]),
        ("low_var", [math.exp(-0.5) + 0.5 - 1, math.e - 1 - 1]),
    ],
)
def test_each_estimator_has_its_hand_worked_values(estimator: str, expected: list[float]):
    assert kl_of_tokens(NEW, REFERENCE, estimator)[0].tolist() == pytest.approx(expected)


def test_an_unknown_estimator_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="'nope'; use one of kl, abs, mse, low_var"):
        kl_of_tokens(NEW, REFERENCE, "nope")


def test_the_score_of_a_trajectory_counts_once_however_many_tokens_it_has():
    rewards = penalised(torch.tensor([[1.0]]), torch.tensor([[0.5, 0.0, 0.5]]), 0.1)
    assert rewards[0].tolist() == pytest.approx([0.95, 0.0, -0.05])


def test_an_adaptive_weight_rises_while_the_distance_is_above_its_target_and_is_restored():
    config = KlConfig(coef=0.1, control="adaptive", target=1.0, horizon=100)
    weight = KlWeight(config)
    weight.update(10.0, 50)
    assert weight.coef == pytest.approx(0.1 * (1 + 0.2 * 0.5))
    weight.update(float("nan"), 50)
    assert weight.coef == pytest.approx(0.11)
    resumed = KlWeight(config)
    resumed.load_state_dict(weight.state_dict())
    assert resumed.coef == weight.coef


def test_a_fixed_weight_stays_whatever_was_saved():
    weight = KlWeight(KlConfig(coef=0.3))
    weight.update(10.0, 50)
    weight.load_state_dict({"coef": 5.0})
    assert weight.coef == 0.3
