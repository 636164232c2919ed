"""A fresh pocket policy: the shape of its network and how its embeddings start. Knows no training."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from arpo_engine.models.patches import PatchFormat
from arpo_engine.models.pocket.tokenizer import NUMBERS, build_tokenizer
from arpo_engine.models.policy import Policy

VOCABULARY_MULTIPLE = 32
INITIALIZER_RANGE = 0.05
EMBEDDING_RANGE = 0.5
"""Words start ten times louder than the layers that write beside them: a word that is to be copied from the instruction
must still be heard behind the last layer. With equal ranges the first layers drown it, and copying is hardly learnt."""
FINAL_NORM = 0.15
"""Keeps the first logits small although the head is tied to loud embeddings."""
SHORTEST_WAVE, LONGEST_WAVE = 8.0, 900.0
"""Pixels: the finest and the coarsest wave that a number's starting embedding is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PocketShape:
    """Sizes of the two towers."""

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    key_value_heads: int = 2
    intermediate: int = 256
    vision_hidden: int = 64
    vision_depth: int = 1
    vision_heads: int = 2
    vision_intermediate: int = 168
    context: int = 4096


def build_policy(words: Iterable[str], shape: PocketShape, seed: int) -> Policy:
    """A policy with random weights whose tokenizer knows `words`."""
    tokenizer = build_tokenizer(words)
    torch.manual_seed(seed)
    make: Any = Qwen2_5_VLForConditionalGeneration
    model = make(_config(tokenizer, shape))
    embeddings = model.get_input_embeddings().weight
    with torch.no_grad():
        _set_volumes(model.model.language_model)
        _order_numbers(embeddings, tokenizer)
        _pair_spellings(embeddings, tokenizer)
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids("<|im_end|>")
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return Policy(model.eval(), tokenizer, PatchFormat())


def _config(tokenizer: PreTrainedTokenizerFast, shape: PocketShape) -> Qwen2_5_VLConfig:
    ids: Any = tokenizer.convert_tokens_to_ids
    half_head = shape.hidden // shape.heads // 2
    spatial = half_head * 3 // 8
    special = {
        "bos_token_id": ids("<|endoftext|>"),
        "eos_token_id": ids("<|im_end|>"),
        "pad_token_id": ids("<|endoftext|>"),
    }
    text = {
        "vocab_size": math.ceil(len(tokenizer) / VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_value_heads,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "rope_scaling": {"type": "mrope", "mrope_section": [half_head - 2 * spatial, spatial, spatial]},
        "initializer_range": INITIALIZER_RANGE,
        "tie_word_embeddings": True,
        **special,
    }
    vision = {
        "depth": shape.vision_depth,
        "hidden_size": shape.vision_hidden,
        "intermediate_size": shape.vision_intermediate,
        "num_heads": shape.vision_heads,
        "out_hidden_size": shape.hidden,
        "window_size": 112,
        # Every block sees the whole screenshot: it is small, and the batched pass needs it.
        "fullatt_block_indexes": list(range(shape.vision_depth)),
        "initializer_range": INITIALIZER_RANGE,
    }
    return Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
        tie_word_embeddings=True,
    )


def _set_volumes(language: Any) -> None:
    """Loud words, quiet layers."""
    language.embed_tokens.weight.mul_(EMBEDDING_RANGE / INITIALIZER_RANGE)
    language.norm.weight.mul_(FINAL_NORM)
    for layer in language.layers:
        for projection in (layer.self_attn.o_proj, layer.mlp.down_proj):
            projection.weight.mul_(1 / math.sqrt(2 * len(language.layers)))


def _order_numbers(embeddings: Tensor, tokenizer: PreTrainedTokenizerFast) -> None:
    """Let neighbouring numbers start alike, as places on a screen are."""
    waves = embeddings.shape[1] // 2
    steps = torch.arange(waves) / (waves - 1)
    length = SHORTEST_WAVE * (LONGEST_WAVE / SHORTEST_WAVE) ** steps
    for number in range(NUMBERS):
        angle = 2 * math.pi * number / length
        vector = EMBEDDING_RANGE * math.sqrt(2) * torch.cat([angle.cos(), angle.sin()])
        for token in tokenizer.encode(str(number), add_special_tokens=False):
            embeddings[token] = vector


def _pair_spellings(embeddings: Tensor, tokenizer: PreTrainedTokenizerFast) -> None:
    """Let a word start alike with and without the space before it."""
    vocabulary = tokenizer.get_vocab()
    # In the order of the tokens: that of get_vocab is another one in every process, and each draws noise.
    for piece, token in sorted(vocabulary.items(), key=lambda entry: entry[1]):
        if len(piece) > 2 and piece.startswith("Ġ") and piece[1:] in vocabulary and not piece[1:].isdigit():
            embeddings[token] = embeddings[vocabulary[piece[1:]]] + EMBEDDING_RANGE / 4 * torch.randn(
                embeddings.shape[1]
            )
