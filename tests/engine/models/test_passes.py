"""The fast passes compute what the stock model computes, and learning sees what sampling saw."""

import copy
from dataclasses import replace

import pytest
import torch

from arpo_engine.models import language, vision
from arpo_engine.models.patches import raw_patches
from arpo_engine.models.policy import Policy
from arpo_engine.types import Trajectory
from tests.engine.policies import play_many, screenshots, shared_policy, small_policy

CLOSE = 1e-5


def stock_logits(policy: Policy, trajectory: Trajectory) -> torch.Tensor:
    """The stock forward over a whole episode, with the stock image processor's inputs."""
    ids = torch.tensor([[token for step in trajectory.steps for token in (*step.prompt_ids, *step.reply_ids)]])
    raw = raw_patches([step.pixels for step in trajectory.steps], policy.chat.patches)
    from arpo_engine.models.patches import processor_patches

    output = policy.module(
        input_ids=ids,
        pixel_values=processor_patches(raw, policy.chat.patches).flatten(0, 1),
        image_grid_thw=torch.tensor([[1, 12, 16]] * len(trajectory.steps)),
        mm_token_type_ids=(ids == policy.chat.image_id).int(),
    )
    return output.logits[0]


def stock_logprobs(policy: Policy, trajectory: Trajectory) -> torch.Tensor:
    """Log-probs of the sampled tokens from the stock forward, with the same tokens shut out."""
    spread = (stock_logits(policy, trajectory) + policy.logits(torch.zeros(1, 64))[0].clamp(max=0)).log_softmax(-1)
    found, at = [], 0
    for step in trajectory.steps:
        at += len(step.prompt_ids)
        found += [spread[at + number - 1, token] for number, token in enumerate(step.reply_ids)]
        at += len(step.reply_ids)
    return torch.stack(found)


def windowed(policy: Policy) -> Policy:
    """The same weights under a configuration that the batched vision pass does not fit."""
    module = copy.deepcopy(policy.module)
    module.model.visual.config.fullatt_block_indexes = [1]
    module.model.visual.fullatt_block_indexes = [1]
    return Policy(module, policy.tokenizer, policy.chat.patches)


def test_the_batched_vision_pass_equals_the_stock_one():
    visual, form = shared_policy().module.model.visual, shared_policy().chat.patches
    patches = raw_patches(screenshots(3), form)
    with torch.no_grad():
        difference = vision.batched(visual, patches, (12, 16), form) - vision.stock(visual, patches, (12, 16), form)
    assert difference.abs().max() < CLOSE


def test_screenshots_of_different_sizes_are_encoded_in_their_order():
    policy = shared_policy()
    small, wide = screenshots(1)[0], screenshots(1, size=(280, 112))[0]
    with torch.no_grad():
        mixed = policy.encode_frames([small, wide, small])
        alone = policy.encode_frames([wide])[0]
    assert [len(tokens) for tokens in mixed] == [48, 40, 48]
    assert torch.allclose(mixed[1], alone, atol=CLOSE)
    assert torch.equal(mixed[0], mixed[2])


@pytest.mark.parametrize("make", [shared_policy, lambda: windowed(small_policy())], ids=["batched", "stock vision"])
def test_reply_logprobs_equal_the_stock_forward(make):
    policy = make()
    trajectories = play_many(shared_policy(), [1, 3, 2])
    with torch.no_grad():
        replies = policy.reply_logprobs(trajectories)
        for row, trajectory in enumerate(trajectories):
            ours = replies.logprobs[row][replies.mask[row]]
            assert (ours - stock_logprobs(policy, trajectory)).abs().max() < CLOSE


def test_the_stock_language_model_is_used_where_the_fast_pass_does_not_fit(monkeypatch: pytest.MonkeyPatch):
    policy, trajectories = shared_policy(), play_many(shared_policy(), [1, 3, 2])
    with torch.no_grad():
        fast = policy.reply_logprobs(trajectories).logprobs
        monkeypatch.setattr(language, "fits", lambda *_: False)
        slow = policy.reply_logprobs(trajectories).logprobs
    assert (fast - slow).abs().max() < CLOSE


def test_learning_sees_the_logprobs_that_sampling_saw():
    policy = shared_policy()
    trajectories = play_many(policy, [4, 1, 3, 2, 4])
    with torch.no_grad():
        replies = policy.reply_logprobs(trajectories)
    behaviour = policy.behaviour_logprobs(trajectories)
    assert replies.mask.sum() == sum(trajectory.tokens for trajectory in trajectories)
    assert (replies.logprobs - behaviour).abs().max() < 1e-4
    assert torch.all(replies.logprobs[~replies.mask] == 0)


def test_temperature_scales_the_distribution():
    policy, trajectories = shared_policy(), play_many(shared_policy(), [2])
    with torch.no_grad():
        warm, cold = policy.reply_logprobs(trajectories, 2.0), policy.reply_logprobs(trajectories, 0.5)
    assert warm.entropy[warm.mask].mean() > cold.entropy[cold.mask].mean()


def test_the_passes_are_cut_without_changing_the_result(monkeypatch: pytest.MonkeyPatch):
    policy, trajectories = shared_policy(), play_many(shared_policy(), [1, 4, 2, 3])
    with torch.no_grad():
        together = policy.reply_logprobs(trajectories)
        monkeypatch.setattr("arpo_engine.models.replies.TOKENS_PER_PASS", 1)
        apart = policy.reply_logprobs(trajectories)
    assert (together.logprobs - apart.logprobs).abs().max() < CLOSE
    assert (together.entropy - apart.entropy).abs().max() < CLOSE


def test_gradients_reach_both_towers():
    policy = small_policy()
    replies = policy.reply_logprobs(play_many(policy, [2]))
    replies.logprobs.sum().backward()
    without = [name for name, weight in policy.module.named_parameters() if weight.grad is None]
    assert without == []
    assert policy.module.model.visual.patch_embed.proj.weight.grad.abs().sum() > 0


def test_equal_screenshots_are_encoded_once(monkeypatch: pytest.MonkeyPatch):
    policy = shared_policy()
    trajectory = play_many(policy, [3])[0]
    same = replace(trajectory, steps=tuple(replace(step, pixels=screenshots(1)[0]) for step in trajectory.steps))
    encoded: list[int] = []
    stock = Policy.encode_frames

    def counting(self, frames):
        encoded.append(len(frames))
        return stock(self, frames)

    monkeypatch.setattr(Policy, "encode_frames", counting)
    with torch.no_grad():
        policy.reply_logprobs([same, same])
    assert encoded == [1]
