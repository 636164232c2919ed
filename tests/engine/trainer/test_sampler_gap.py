"""What generator and learner compute differently: it is seen, and truncated importance sampling answers it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from arpo_engine.algorithms.base import Prepared
from arpo_engine.contract.config import ArpoConfig, GrpoConfig
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.anchors import old_logprobs
from arpo_engine.trainer.metrics import learning_values
from arpo_engine.trainer.sampler_gap import sampler_gap
from arpo_engine.types import Member, Trajectory
from tests.engine.trainer.test_learner import group, learner, sampled
from tests.engine.trainer.world import fresh_policy


@pytest.fixture
def policy() -> Policy:
    return fresh_policy()


def shifted(trajectory: Trajectory, by: float, version: int = 0) -> Trajectory:
    """The same episode, as a generator recorded it that makes every token more likely by `by` nats."""
    (step,) = trajectory.steps
    recorded = tuple(value + by for value in step.reply_logprobs)
    return replace(trajectory, steps=(replace(step, reply_logprobs=recorded, weight_version=version),))


def table(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows)


def test_the_gap_is_the_mean_difference_and_an_estimate_of_the_divergence(policy: Policy) -> None:
    episode = sampled(policy, "a", "click")
    width = episode.tokens
    learner_BT, generator_BT = torch.zeros(1, width), torch.full((1, width), 0.1)
    gap = sampler_gap([episode], learner_BT, generator_BT, version=0)
    assert gap is not None
    assert (gap.mean_abs, gap.tokens) == (pytest.approx(0.1), width)
    assert gap.k3 == pytest.approx(math.exp(-0.1) - 1 + 0.1)


def test_only_what_todays_weights_sampled_is_compared(policy: Policy) -> None:
    old, new = sampled(policy, "a", "click"), shifted(sampled(policy, "b", "click"), 0.0, version=4)
    width = old.tokens
    learner_BT, generator_BT = torch.zeros(2, width), table([5.0] * width, [0.5] * width)
    gap = sampler_gap([old, new], learner_BT, generator_BT, version=4)
    assert gap is not None
    assert (gap.mean_abs, gap.tokens) == (pytest.approx(0.5), width)
    assert sampler_gap([old], learner_BT[:1], generator_BT[:1], version=4) is None


def test_tokens_that_nobody_sampled_are_left_out(policy: Policy) -> None:
    episode = sampled(policy, "a", "click")
    generator_BT = torch.full((1, episode.tokens), float("nan"))
    assert sampler_gap([episode], torch.zeros(1, episode.tokens), generator_BT, version=0) is None


def test_every_step_tells_its_gap(policy: Policy) -> None:
    members = [(sampled(policy, "a", "click"), 1.0), (shifted(sampled(policy, "b", "type"), 0.2), -1.0)]
    first = learner(policy).learn([group(*members)], step=1)
    assert first.gap is not None
    tokens = [member.tokens for member, _ in members]
    assert first.gap.mean_abs == pytest.approx(0.2 * tokens[1] / sum(tokens), abs=1e-5)
    values = learning_values(Prepared(groups=(group(*members),)), first)
    assert values["train/sampler_gap"] == first.gap.mean_abs
    assert values["train/sampler_k3"] == first.gap.k3
    # By now the weights have moved: version 0 is not theirs any more.
    second = learner(policy).learn([group(*members)], step=2)
    assert second.gap is None
    assert "train/sampler_gap" not in learning_values(Prepared(groups=(group(*members),)), second)


def test_fresh_members_can_be_weighted_by_what_the_generator_computed_differently(policy: Policy) -> None:
    likely, unlikely = (shifted(sampled(policy, name, "click"), by) for name, by in (("a", 0.3), ("b", -2.0)))
    members = [Member(trajectory=item, advantage=1.0) for item in (likely, unlikely)]
    config = GrpoConfig(old_logprobs="truncated", importance_cap=1.5)
    old, weights = old_logprobs(policy, members, config, 1.0)
    assert weights is not None
    with torch.no_grad():
        now = policy.reply_logprobs([likely, unlikely]).logprobs
    assert torch.allclose(old, now)
    assert torch.allclose(weights[0], torch.tensor(math.exp(-0.3)), atol=1e-5)
    assert torch.allclose(weights[1], torch.tensor(1.5))


def test_replayed_members_keep_a_cap_of_their_own(policy: Policy) -> None:
    fresh, remembered = (shifted(sampled(policy, name, "click"), -2.0) for name in ("a", "b"))
    members = [
        Member(trajectory=fresh, advantage=1.0),
        Member(trajectory=remembered, advantage=1.0, replaced="x"),
    ]
    config = ArpoConfig.model_validate(
        {"old_logprobs": "truncated", "importance_cap": 1.5, "replay": {"old_logprobs": "truncated"}}
    )
    _, weights = old_logprobs(policy, members, config, 1.0)
    assert weights is not None
    assert weights[:, 0].tolist() == pytest.approx([1.5, 2.0])


def test_by_default_nothing_is_weighted(policy: Policy) -> None:
    member = Member(trajectory=shifted(sampled(policy, "a", "click"), 0.3), advantage=1.0)
    assert old_logprobs(policy, [member], GrpoConfig(), 1.0)[1] is None
