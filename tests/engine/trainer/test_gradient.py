"""A minibatch that is learnt from in parts gives the gradient of the whole, and holds less at a time."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import torch

from arpo_engine.contract.config import GrpoConfig
from arpo_engine.contract.config.learner import PassesConfig
from arpo_engine.contract.config.objective import KlConfig
from arpo_engine.contract.config.parts import LoraConfig, ModelConfig
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.anchors import Anchors
from arpo_engine.trainer.gradient import Gradient, Part
from arpo_engine.trainer.kl_penalty import KlPenalty
from arpo_engine.trainer.reference import Reference
from arpo_engine.types import Member
from tests.engine.policies import play_many, small_policy
from tests.engine.trainer.test_learner import OPTIMIZER, group, learner, sampled, weights
from tests.engine.trainer.world import fresh_policy

TURNS = (1, 4, 2, 3, 1)
ADVANTAGES = (1.0, -1.0, 0.5, -0.25, 2.0)
SMALLEST = PassesConfig(tokens_per_pass=1)
"""Every trajectory is a part of its own."""


def anchors_of(policy: Policy, reference: bool = False) -> Anchors:
    """Episodes whose old log-probs are off, so that some ratios are clipped."""
    trajectories = play_many(policy, TURNS)
    recorded = policy.behaviour_logprobs(trajectories)
    noise = torch.randn(recorded.shape, generator=torch.Generator().manual_seed(1)) * 0.3
    members = [Member(trajectory=item, advantage=value) for item, value in zip(trajectories, ADVANTAGES, strict=True)]
    return Anchors(members, recorded + noise, reference_BT=recorded - noise if reference else None)


def gradient_of(
    passes: PassesConfig, algorithm: GrpoConfig | None = None, penalty: KlPenalty | None = None
) -> tuple[dict[str, torch.Tensor], list[Part]]:
    policy = small_policy()
    anchors = anchors_of(policy, reference=penalty is not None)
    policy.passes = passes
    gradient = Gradient(policy, algorithm or GrpoConfig(), temperature=1.0, penalty=penalty, seeds=random.Random(0))
    parts = gradient.add(range(len(TURNS)), anchors, 100.0, version=0)
    return {name: weight.grad.clone() for name, weight in policy.module.named_parameters()}, parts


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Largest difference as a share of the largest gradient."""
    most = max(float(value.abs().max()) for value in one.values())
    return max(float((one[name] - other[name]).abs().max()) for name in one) / most


def total(parts: Sequence[Part], name: str) -> float:
    return sum(getattr(part, name) for part in parts)


@pytest.mark.parametrize(
    "loss",
    [{}, {"kind": "gspo"}, {"kind": "cispo"}, {"aggregation": "seq_mean"}, {"aggregation": "constant"}],
    ids=["tokens", "gspo", "cispo", "trajectories", "constant"],
)
def test_the_gradients_of_parts_add_up_to_that_of_the_whole(loss: dict[str, str]):
    algorithm = GrpoConfig.model_validate({"loss": loss})
    whole, one = gradient_of(PassesConfig(), algorithm)
    summed, parts = gradient_of(SMALLEST, algorithm)
    assert (len(one), len(parts)) == (1, len(TURNS))
    assert apart(whole, summed) < 1e-5
    for name in ("loss", "entropy", "surprisal"):
        assert total(parts, name) == pytest.approx(total(one, name), rel=1e-6, abs=1e-6)
    assert sum(part.outcome.clipped for part in parts) == one[0].outcome.clipped > 0
    assert sum(part.outcome.tokens for part in parts) == one[0].outcome.tokens


def test_a_penalty_in_the_loss_adds_up_too():
    def penalty() -> KlPenalty:
        reference = Reference(small_policy(1), device=torch.device("cpu"), offload=False)
        return KlPenalty(KlConfig(place="loss", coef=0.5), reference, 1.0)

    whole, one = gradient_of(PassesConfig(), penalty=penalty())
    summed, parts = gradient_of(SMALLEST, penalty=penalty())
    without, _ = gradient_of(PassesConfig())
    assert apart(whole, summed) < 1e-5 < apart(whole, without)
    assert total(parts, "loss") == pytest.approx(total(one, "loss"), abs=1e-5)


def test_parts_hold_at_most_what_they_may_and_are_alike():
    policy = small_policy()
    anchors = anchors_of(policy)
    tokens = [member.trajectory.computed_tokens for member in anchors.members]
    policy.passes = PassesConfig(tokens_per_pass=max(tokens) + 1)
    gradient = Gradient(policy, GrpoConfig(), temperature=1.0, penalty=None, seeds=random.Random(0))
    parts = gradient.parts([4, 1, 3, 0, 2], anchors)
    sums = [sum(tokens[place] for place in part) for part in parts]
    assert sorted(place for part in parts for place in part) == [0, 1, 2, 3, 4]
    assert max(sums) <= max(tokens) + 1
    assert len(parts) < len(tokens)


def test_only_one_part_is_held_at_a_time(monkeypatch: pytest.MonkeyPatch):
    alive, most = [0], [0]
    stock = Policy.reply_logprobs

    def counted(self, trajectories, temperature):
        found = stock(self, trajectories, temperature)
        alive[0] += 1
        most[0] = max(most[0], alive[0])
        found.logprobs.register_hook(lambda _: alive.__setitem__(0, alive[0] - 1))
        return found

    monkeypatch.setattr(Policy, "reply_logprobs", counted)
    _, parts = gradient_of(SMALLEST)
    assert (len(parts), most[0], alive[0]) == (len(TURNS), 1, 0)


def test_the_sampler_is_compared_over_all_parts():
    _, one = gradient_of(PassesConfig())
    policy, members = fresh_policy(), []
    for name, words, advantage in (("a", "click", 1.0), ("b", "type", -1.0)):
        members.append((sampled(policy, name, words), advantage))
    policy.passes = SMALLEST
    report = learner(policy).learn([group(*members)], step=1)
    assert one[0].gap is not None
    assert report.gap is not None
    assert report.gap.tokens == sum(trajectory.tokens for trajectory, _ in members)


def test_a_step_in_parts_is_the_step_of_the_whole():
    def learnt(passes: PassesConfig) -> tuple[dict[str, torch.Tensor], float]:
        policy = fresh_policy()
        members = [(sampled(policy, name, name * 3), value) for name, value in (("a", 1.0), ("b", -1.0), ("c", 0.5))]
        policy.passes = passes
        # Without momentum a step is in proportion to the gradient, so that rounding stays as small as it is.
        report = learner(policy, optimizer=OPTIMIZER.model_copy(update={"eps": 1.0})).learn([group(*members)], step=1)
        return weights(policy), report.grad_norm or 0.0

    (whole, norm), (parts, norm_of_parts) = learnt(PassesConfig()), learnt(SMALLEST)
    assert norm_of_parts == pytest.approx(norm, rel=1e-5)
    assert max(float((whole[name] - parts[name]).abs().max()) for name in whole) < 1e-6


def test_one_part_that_is_not_finite_keeps_the_whole_update_from_the_weights():
    policy = fresh_policy()
    members = [(sampled(policy, "a", "click"), 1.0), (sampled(policy, "b", "type"), float("inf"))]
    policy.passes = SMALLEST
    before = weights(policy)
    report = learner(policy).learn([group(*members)], step=1)
    assert (report.finite, report.updates) == (False, 0)
    assert all(torch.equal(value, before[name]) for name, value in weights(policy).items())
    assert all(weight.grad is None for weight in policy.trained())


def test_a_gradient_that_is_too_long_is_cut_to_the_longest_that_may_be():
    policy = fresh_policy()
    members = [(sampled(policy, "a", "click"), 1.0), (sampled(policy, "b", "type"), -1.0)]
    policy.passes = SMALLEST
    learns, left = learner(policy, optimizer=OPTIMIZER.model_copy(update={"max_grad_norm": 0.01})), []

    def measure(*_: object) -> None:
        left.append(torch.linalg.vector_norm(torch.stack([weight.grad.norm() for weight in policy.trained()])))

    learns.optimizer.register_step_pre_hook(measure)
    report = learns.learn([group(*members)], step=1)
    assert report.grad_norm is not None
    assert report.grad_norm > 0.01
    assert [float(norm) for norm in left] == [pytest.approx(0.01, rel=1e-3)]


def test_while_episodes_are_sampled_no_gradient_takes_memory():
    policy = fresh_policy()
    members = [(sampled(policy, "a", "click"), 1.0), (sampled(policy, "b", "type"), -1.0)]
    report = learner(policy).learn([group(*members)], step=1)
    assert report.updates == 1
    assert all(weight.grad is None for weight in policy.trained())


def test_what_an_adapter_dropped_is_dropped_again_when_layers_are_recomputed():
    def gradients(passes: PassesConfig, seed: int = 0) -> dict[str, torch.Tensor]:
        policy = small_policy()
        anchors = anchors_of(policy)
        policy.train_only(ModelConfig(lora=LoraConfig(rank=4, dropout=0.5)), seed=0)
        policy.passes = passes
        gradient = Gradient(policy, GrpoConfig(), temperature=1.0, penalty=None, seeds=random.Random(seed))
        gradient.add(range(len(TURNS)), anchors, 100.0, version=None)
        return {str(place): weight.grad for place, weight in enumerate(policy.trained()) if weight.grad is not None}

    kept, recomputed = gradients(PassesConfig()), gradients(PassesConfig(gradient_checkpointing=True))
    assert apart(kept, recomputed) < 1e-5
    assert apart(kept, gradients(PassesConfig(), seed=1)) > 1e-2
