"""A tiny policy with random weights of each family of models, built with transformers' own classes, and what the stock
model says of an episode."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen3VLConfig, Qwen3VLForConditionalGeneration

from arpo_engine.models.families import FAMILIES
from arpo_engine.models.patches import PatchFormat, processor_patches, raw_patches, resized
from arpo_engine.models.pocket.tokenizer import build_tokenizer
from arpo_engine.models.policy import Policy
from arpo_engine.types import Trajectory
from tests.engine.policies import WORDS, small_policy

KINDS = tuple(FAMILIES)
VOCABULARY_MULTIPLE = 32
LOUD = 0.2
"""Spread of the weights: wide enough that no part of the network could be left out unnoticed."""


def family_policy(kind: str, seed: int = 0, context: int = 1024) -> Policy:
    """A fresh one."""
    torch.set_num_threads(1)
    if kind == "qwen2_5_vl":
        policy = small_policy(seed)
    else:
        policy = {"qwen2_vl": _qwen2, "qwen3_vl": _qwen3}[kind](seed, context)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in policy.module.named_parameters():
            # Norms and biases start as ones and zeros, which would hide what is done with them.
            weight.add_(torch.randn(weight.shape, generator=noise) * (LOUD if weight.dim() == 1 else LOUD / 4))
            assert weight.isfinite().all(), name
    return policy


@cache
def shared_family_policy(kind: str) -> Policy:
    """One for all tests that only look."""
    return family_policy(kind)


def stock_logits(policy: Policy, trajectory: Trajectory) -> Tensor:
    """Logits [L, V] of the stock forward over a whole episode, with the stock image processor's inputs."""
    ids = torch.tensor([[token for step in trajectory.steps for token in (*step.prompt_ids, *step.reply_ids)]])
    form = policy.chat.patches
    frames = [resized(step.pixels, form.limits) for step in trajectory.steps]
    values = [processor_patches(raw_patches([frame], form), form).flatten(0, 1) for frame in frames]
    output = policy.module(
        input_ids=ids,
        pixel_values=torch.cat(values),
        image_grid_thw=torch.tensor(
            [[1, frame.shape[0] // form.patch, frame.shape[1] // form.patch] for frame in frames]
        ),
        mm_token_type_ids=(ids == policy.chat.image_id).int(),
    )
    logits: Tensor = output.logits[0]
    return logits


def stock_logprobs(policy: Policy, trajectory: Trajectory) -> Tensor:
    """Log-probs of the sampled tokens from the stock forward, with the same tokens shut out."""
    hidden = policy.language.config.hidden_size
    barred = policy.logits(torch.zeros(1, hidden))[0].clamp(max=0)
    spread = (stock_logits(policy, trajectory) + barred).log_softmax(-1)
    found, at = [], 0
    for step in trajectory.steps:
        at += len(step.prompt_ids)
        found += [spread[at + number - 1, token] for number, token in enumerate(step.reply_ids)]
        at += len(step.reply_ids)
    return torch.stack(found)


def _qwen2(seed: int, context: int) -> Policy:
    tokenizer = build_tokenizer(WORDS)
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2}
    config = Qwen2VLConfig(
        text_config=_text(tokenizer, context, [4, 2, 2]), vision_config=vision, **_special(tokenizer)
    )
    return _policy(Qwen2VLForConditionalGeneration, config, tokenizer, "qwen2_vl", seed)


def _qwen3(seed: int, context: int) -> Policy:
    tokenizer = build_tokenizer(WORDS)
    vision = {
        "depth": 3, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 64,
        "num_position_embeddings": 49, "deepstack_visual_indexes": [0, 2],
    }  # fmt: skip
    # Heads are wider than hidden_size / heads, as in the models of 2 and 4 billion parameters.
    text = {**_text(tokenizer, context, [6, 5, 5]), "head_dim": 32}
    config = Qwen3VLConfig(text_config=text, vision_config=vision, **_special(tokenizer))
    return _policy(Qwen3VLForConditionalGeneration, config, tokenizer, "qwen3_vl", seed)


def _text(tokenizer: Any, context: int, sections: list[int]) -> dict[str, Any]:
    return {
        "vocab_size": -(-len(tokenizer) // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": context,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default", "mrope_section": sections},
        "initializer_range": 0.05,
    }


def _special(tokenizer: Any) -> dict[str, Any]:
    ids = tokenizer.convert_tokens_to_ids
    return {
        "image_token_id": ids("<|image_pad|>"),
        "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"),
        "vision_end_token_id": ids("<|vision_end|>"),
        "tie_word_embeddings": True,
    }


def _policy(kind: Any, config: Any, tokenizer: Any, family: str, seed: int) -> Policy:
    torch.manual_seed(seed)
    known = FAMILIES[family]
    form = PatchFormat(limits=known.limits, patch=known.patch, mean=known.mean, std=known.std)
    if family == "qwen3_vl":  # its own least size would make of the small screenshots larger ones
        form = PatchFormat(
            limits=type(known.limits)(min_pixels=32 * 32, max_pixels=known.limits.max_pixels, factor=32),
            patch=known.patch, mean=known.mean, std=known.std,
        )  # fmt: skip
    return Policy(kind(config).eval(), tokenizer, form)
