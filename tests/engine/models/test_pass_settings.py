"""However a pass is laid out and whatever is computed twice to save memory: the same log-probs, the same gradients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from arpo_engine.contract.config.learner import PassesConfig
from arpo_engine.models import language, segments
from arpo_engine.models.contexts import contexts_of, packed
from arpo_engine.models.head import scored, scored_in_chunks
from arpo_engine.models.patches import raw_patches
from arpo_engine.models.policy import Policy
from arpo_engine.models.segments import Segments
from arpo_engine.types import Trajectory
from tests.engine.families import KINDS, family_policy
from tests.engine.models.test_passes import windowed
from tests.engine.policies import play_many, screenshots, shared_policy, small_policy

CLOSE = 1e-5
SETTINGS = {
    "in one row": {"padding_free": True},
    "logits in chunks": {"logits_tokens": 5},
    "layers recomputed": {"gradient_checkpointing": True},
    "few tokens a pass": {"tokens_per_pass": 200},
    "all": {"padding_free": True, "logits_tokens": 5, "gradient_checkpointing": True, "tokens_per_pass": 700},
}


def found(policy: Policy, trajectories: list[Trajectory], passes: PassesConfig) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Log-probs, entropies and the gradient of a sum in which every token has a weight of its own."""
    policy.passes = passes
    policy.module.zero_grad(set_to_none=True)
    replies = policy.reply_logprobs(trajectories, 0.7)
    weights = torch.linspace(-1, 1, replies.logprobs.numel()).view_as(replies.logprobs)
    (replies.logprobs * weights).sum().backward()
    gradients = [weight.grad.clone() for weight in policy.module.parameters() if weight.grad is not None]
    return replies.logprobs.detach(), replies.entropy, gradients


def assert_same(policy: Policy, trajectories: list[Trajectory], setting: PassesConfig) -> None:
    logprobs, entropies, gradients = found(policy, trajectories, PassesConfig())
    again, entropies_again, gradients_again = found(policy, trajectories, setting)
    assert (logprobs - again).abs().max() < CLOSE
    assert (entropies - entropies_again).abs().max() < CLOSE
    longest = max(float(gradient.abs().max()) for gradient in gradients)
    assert len(gradients) == len(gradients_again) == len(list(policy.module.parameters()))
    for one, other in zip(gradients, gradients_again, strict=True):
        assert (one - other).abs().max() < CLOSE * longest


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_gives_the_same_logprobs_and_gradients(kind: str, setting: dict[str, object]):
    policy = family_policy(kind)
    assert_same(policy, play_many(policy, [1, 3, 2]), PassesConfig.model_validate(setting))


@pytest.mark.parametrize("setting", [SETTINGS["in one row"], SETTINGS["all"]], ids=["in one row", "all"])
@pytest.mark.parametrize("tower", ["language", "vision"])
def test_the_stock_passes_obey_the_settings_too(
    monkeypatch: pytest.MonkeyPatch, setting: dict[str, object], tower: str
):
    policy = small_policy()
    trajectories = play_many(policy, [1, 3, 2])
    if tower == "language":
        monkeypatch.setattr(language, "fits", lambda *_: False)
    else:
        policy = windowed(policy)
    assert_same(policy, trajectories, PassesConfig.model_validate(setting))
    assert not any(module.training for module in policy.module.modules())


def test_a_context_in_a_row_starts_its_positions_anew_and_holds_no_padding():
    policy = shared_policy()
    contexts = contexts_of(policy.chat, play_many(policy, [1, 3]), {})
    laid = packed(policy.chat, contexts)
    first = len(contexts[0].ids)
    assert laid.ids_BL.shape == (1, sum(len(item.ids) for item in contexts))
    assert laid.positions[:, 0, 0].tolist() == laid.positions[:, 0, first].tolist() == [0, 0, 0]
    assert laid.ids_BL[0, first:].tolist() == contexts[1].ids.tolist()


def test_what_follows_in_the_row_does_not_change_a_context():
    policy = small_policy()
    policy.passes = PassesConfig(padding_free=True)
    one, other, another = play_many(policy, [2, 3, 3])
    with torch.no_grad():
        beside, alone = policy.reply_logprobs([one, other]), policy.reply_logprobs([one])
        elsewhere = policy.reply_logprobs([one, another])
    width = one.tokens
    assert torch.equal(beside.logprobs[0, :width], elsewhere.logprobs[0, :width])
    assert (beside.logprobs[0, :width] - alone.logprobs[0, :width]).abs().max() < CLOSE


def test_screenshots_are_encoded_pass_by_pass_and_equal_ones_once(monkeypatch: pytest.MonkeyPatch):
    policy = small_policy()
    trajectories = play_many(policy, [2, 2])
    same = screenshots(1, seed=9)[0]
    trajectories = [
        replace(item, steps=(replace(item.steps[0], pixels=same), *item.steps[1:])) for item in trajectories
    ]
    encoded: list[int] = []
    stock = Policy.encode_frames

    def counting(self, frames):
        encoded.append(len(frames))
        return stock(self, frames)

    monkeypatch.setattr(Policy, "encode_frames", counting)
    policy.passes = PassesConfig(tokens_per_pass=1)
    policy.reply_logprobs(trajectories).logprobs.sum().backward()
    assert encoded == [2, 1]


def test_screenshots_stay_bytes_until_the_tower_reads_them():
    form = shared_policy().chat.patches
    pixels = screenshots(2)
    patches = raw_patches(pixels, form)
    assert patches.dtype == torch.uint8
    assert patches.numel() == sum(picture.size for picture in pixels)
    assert all(step.pixels.dtype == np.uint8 for item in play_many(shared_policy(), [2]) for step in item.steps)


def test_no_more_logits_exist_than_were_asked_for():
    seen: list[int] = []
    head = torch.nn.Linear(8, 50)

    def logits(hidden: Tensor) -> Tensor:
        seen.append(hidden.shape[0])
        answer: Tensor = head(hidden)
        return answer

    hidden = torch.randn(23, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    sampled = torch.arange(23)
    chunked, _ = scored_in_chunks(logits, hidden, sampled, 1.0, chunk=5)
    assert seen == [5, 5, 5, 5, 3]
    chunked.sum().backward()
    assert sorted(seen) == [3, 3] + [5] * 8  # once more for the gradient
    gradient, hidden.grad = hidden.grad, None
    whole, _ = scored(logits, hidden, sampled, 1.0)
    whole.sum().backward()
    assert torch.allclose(chunked, whole, atol=1e-6)
    assert torch.allclose(gradient, hidden.grad, atol=1e-6)


def in_one_call(query, key, value, ends, ends_k, longest, longest_k, *, window_size, enable_gqa):
    """What torch's varlen attention computes, on a CPU: [L, heads, D]."""
    assert (window_size, enable_gqa, ends.dtype) == ((-1, 0), True, torch.int32)
    assert torch.equal(ends, ends_k)
    assert longest == longest_k == int(ends.diff().max())
    found = []
    for start, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        heads = (part[start:end].transpose(0, 1)[None] for part in (query, key, value))
        found.append(F.scaled_dot_product_attention(*heads, is_causal=True, enable_gqa=True)[0].transpose(0, 1))
    return torch.cat(found)


def test_one_call_for_all_contexts_computes_what_a_call_for_each_does():
    noise = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, heads, 12, 8, generator=noise) for heads in (4, 2, 2))
    row = Segments(lengths=(3, 4, 5), asked=(1, 0, 2))
    one = row._in_one_call(in_one_call, query, key, value)
    assert torch.allclose(one, row.attend(query, key, value), atol=1e-6)


def test_queries_at_some_places_are_those_of_all_places_there():
    noise = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, heads, 12, 8, generator=noise) for heads in (4, 2, 2))
    row, places = Segments(lengths=(3, 4, 5), asked=(1, 0, 2)), torch.tensor([2, 8, 11])
    everywhere = row.attend(query, key, value)
    there = row.attend_at(places, query[:, :, places], key, value)
    assert torch.allclose(there, everywhere[:, :, places], atol=1e-6)


def test_a_torch_whose_varlen_attention_takes_other_words_is_not_asked(monkeypatch: pytest.MonkeyPatch):
    from torch.nn.attention import varlen

    monkeypatch.setattr(varlen, "varlen_attn", lambda query, key, value, is_causal: query)
    segments.varlen_kernel.cache_clear()
    try:
        assert segments.varlen_kernel() is None
    finally:
        segments.varlen_kernel.cache_clear()
