"""A frozen vision tower: none of its weights learns, no activations are kept for it, and all else is the same."""

from __future__ import annotations

import pytest
import torch

from arpo_engine.contract.config.parts import ModelConfig
from arpo_engine.models.policy import Policy
from tests.engine.families import KINDS, family_policy, shared_family_policy
from tests.engine.policies import play_many, screenshots


def frozen(kind: str) -> Policy:
    policy = family_policy(kind)
    policy.train_only(ModelConfig(freeze_vision=True), seed=0)
    return policy


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_language_model_learns_with_the_gradients_that_it_had(kind: str):
    part, whole = frozen(kind), family_policy(kind)
    played = play_many(shared_family_policy(kind), [2])
    for policy in (part, whole):
        policy.reply_logprobs(played).logprobs.sum().backward()
    towers = {name for name in part.weights() if name.startswith("model.visual.")}
    assert towers and len(part.trained()) == len(part.weights()) - len(towers)
    for name, weight in part.weights().items():
        expected = whole.weights()[name].grad
        assert expected is not None
        if name in towers:
            assert weight.grad is None
        else:
            assert weight.grad is not None and torch.allclose(weight.grad, expected, rtol=1e-5, atol=1e-6)


def test_no_activations_are_kept_for_it():
    assert not frozen("qwen3_vl").encode_frames(screenshots(1))[0].requires_grad
    assert family_policy("qwen3_vl").encode_frames(screenshots(1))[0].requires_grad


def test_by_default_everything_learns():
    policy = family_policy("qwen2_vl")
    before = policy.trained()
    policy.train_only(ModelConfig(), seed=0)
    assert [id(weight) for weight in policy.trained()] == [id(weight) for weight in before]
    assert len(before) == len(policy.weights())
