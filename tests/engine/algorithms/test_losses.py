"""The policy loss against the published implementation, value and gradient."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from arpo_engine.algorithms.losses import PolicyLoss, policy_loss
from arpo_engine.contract.config.objective import ClipConfig

CASES = json.loads((Path(__file__).parents[2] / "data" / "algo_cases.json").read_text(encoding="utf-8"))["cases"]
LOSS_CASES = [case for case in CASES if case["function"] == "compute_policy_loss"]


def run(case: dict) -> tuple[PolicyLoss, torch.Tensor]:
    """The reference has an advantage for each token, here a trajectory has one: each token becomes a trajectory."""
    inputs = case["inputs"]
    new = torch.tensor(inputs["log_probs"]["data"], requires_grad=True)
    mask = torch.tensor(inputs["response_mask"]["data"])
    clip = ClipConfig(low=inputs["clip_ratio_low"], high=inputs["clip_ratio_high"], dual=inputs["clip_ratio_dual"])
    outcome = policy_loss(
        new.reshape(-1, 1),
        torch.tensor(inputs["old_log_probs"]["data"]).reshape(-1, 1),
        torch.tensor(inputs["advantages"]["data"]).flatten(),
        mask.reshape(-1, 1),
        clip=clip,
        normaliser=float(mask.sum()),
    )
    outcome.loss.backward()
    return outcome, new.grad


@pytest.mark.parametrize("case", LOSS_CASES, ids=[case["name"] for case in LOSS_CASES])
def test_loss_and_counts_equal_those_of_the_published_code(case: dict):
    outcome, _ = run(case)
    tokens = max(outcome.tokens, 1.0)
    outputs = case["outputs"]
    assert outcome.loss.item() == pytest.approx(outputs["pg_loss"]["data"], abs=1e-5)
    assert outcome.clipped / tokens == pytest.approx(outputs["pg_clipfrac_higher"]["data"], abs=1e-5)
    assert outcome.clipped_dual / tokens == pytest.approx(outputs["pg_clipfrac_lower"]["data"], abs=1e-5)
    assert outcome.kl_sum / tokens == pytest.approx(outputs["ppo_kl"]["data"], rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", ["pg_on_policy", "pg_clip_low_negative_adv", "pg_ratio_underflow", "pg_custom_clips"])
def test_the_gradient_equals_that_of_the_published_code(name: str):
    case = next(case for case in LOSS_CASES if case["name"] == name)
    _, gradient = run(case)
    assert torch.allclose(gradient, torch.tensor(case["grad_log_probs"]["data"]), atol=1e-5)


def test_an_enormous_ratio_gives_a_finite_gradient_where_the_published_code_gives_nan():
    case = next(case for case in LOSS_CASES if case["name"] == "pg_ratio_overflow")
    assert case["grad_log_probs"]["data"][0] == ["NaN", "NaN"]
    _, gradient = run(case)
    assert torch.isfinite(gradient).all()


def test_whatever_stands_at_a_masked_place_changes_nothing():
    def loss_with(padding: float) -> torch.Tensor:
        new = torch.tensor([[-1.0, padding]], requires_grad=True)
        mask = torch.tensor([[True, False]])
        old = torch.tensor([[-1.2, 0.0]])
        outcome = policy_loss(new, old, torch.tensor([1.0]), mask, clip=ClipConfig(), normaliser=1.0)
        outcome.loss.backward()
        return torch.cat([outcome.loss.detach()[None], new.grad.flatten()])

    assert torch.equal(loss_with(0.0), loss_with(1e30))
    assert torch.isfinite(loss_with(float("inf"))).all()


def test_clip_higher_counts_only_what_was_cut_above():
    new, old = torch.tensor([[0.0], [-2.0]]), torch.tensor([[-1.0], [-1.0]])
    mask = torch.ones(2, 1, dtype=torch.bool)
    outcome = policy_loss(new, old, torch.tensor([1.0, -1.0]), mask, clip=ClipConfig(), normaliser=2.0)
    assert (outcome.clipped, outcome.clipped_high) == (2.0, 1.0)


def two_tokens(kind: str, log_ratios: list[float], advantage: float) -> tuple[PolicyLoss, list[float]]:
    new = torch.tensor([log_ratios], requires_grad=True)
    mask = torch.ones(1, len(log_ratios), dtype=torch.bool)
    outcome = policy_loss(
        new, torch.zeros_like(new), torch.tensor([advantage]), mask, clip=ClipConfig(), normaliser=2.0, kind=kind
    )
    outcome.loss.backward()
    return outcome, new.grad[0].tolist()


def test_gspo_cuts_the_trajectory_and_not_its_tokens():
    # One token is far up and one far down; their geometric mean is 1, so nothing is cut.
    outcome, gradient = two_tokens("gspo", [1.0, -1.0], 1.0)
    assert (outcome.loss.item(), outcome.clipped) == (pytest.approx(-1.0), 0.0)
    assert gradient == pytest.approx([-0.5, -0.5])
    cut, nothing = two_tokens("gspo", [1.0, 0.2], 1.0)
    assert (cut.loss.item(), cut.clipped_high) == (pytest.approx(-1.3), 2.0)
    assert nothing == [0.0, 0.0]


def test_cispo_keeps_the_gradient_of_a_token_whose_weight_is_cut():
    _, clipped_away = two_tokens("ppo", [1.0, 0.0], 1.0)
    outcome, kept = two_tokens("cispo", [1.0, 0.0], 1.0)
    assert clipped_away == pytest.approx([0.0, -0.5])
    assert kept == pytest.approx([-0.65, -0.5])
    assert outcome.clipped_high == 1.0


def test_importance_weights_multiply_the_loss_of_each_token():
    new = torch.tensor([[0.0, 0.0]])
    outcome = policy_loss(
        new,
        new,
        torch.tensor([1.0]),
        torch.ones(1, 2),
        clip=ClipConfig(),
        normaliser=2.0,
        weights_BT=torch.tensor([[2.0, 0.5]]),
    )
    assert outcome.loss.item() == pytest.approx(-1.25)


def test_a_mean_of_trajectories_weighs_a_short_one_like_a_long_one():
    new, mask = torch.zeros(2, 3), torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    outcome = policy_loss(
        new, new, torch.tensor([1.0, -1.0]), mask, clip=ClipConfig(), normaliser=2.0, per_trajectory=True
    )
    assert outcome.loss.item() == pytest.approx(0.0)
