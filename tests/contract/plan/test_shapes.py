"""Shapes: parameters, adapters, tokens of a screenshot; and what a name or a config.json tells of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arpo_engine.contract.plan.known_models import POCKET, QWEN2, QWEN2_5, QWEN3, says_thousandths, shape_of
from arpo_engine.contract.plan.shapes import ModelShape, shape_from

PUBLISHED = {
    "Qwen/Qwen2-VL-2B-Instruct": 2_208_985_600,
    "ByteDance-Seed/UI-TARS-2B-SFT": 2_208_985_600,
    "ByteDance-Seed/UI-TARS-7B-DPO": 8_291_375_616,
    "ByteDance-Seed/UI-TARS-1.5-7B": 8_292_166_656,
    "Qwen/Qwen2.5-VL-3B-Instruct": 3_754_622_976,
    "Qwen/Qwen2.5-VL-7B-Instruct": 8_292_166_656,
    "Qwen/Qwen3-VL-2B-Instruct": 2_127_532_032,
    "Qwen/Qwen3-VL-4B-Instruct": 4_437_815_808,
    "Qwen/Qwen3-VL-8B-Instruct": 8_767_123_696,
}
"""Parameters as the models' own safetensors count them."""


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_a_name_tells_a_shape_with_the_published_number_of_parameters(name: str, parameters: int):
    shape = shape_of(name)
    assert shape is not None
    assert shape.parameters == parameters


@pytest.mark.parametrize("name", ["", "mine", "Qwen/Qwen3-VL-9B", "Qwen/Qwen2.5-VL", "lab/model-13b"])
def test_a_name_that_tells_no_known_size_has_no_shape(name: str):
    assert shape_of(name) is None


def test_a_copy_with_a_name_of_its_own_is_taken_for_the_likeliest():
    assert shape_of("/models/arpo-7b") is QWEN2_5["7B"]
    assert shape_of("/models/2B") is QWEN2["2B"]
    assert says_thousandths("UI-TARS-7B-DPO") and not says_thousandths("UI-TARS-1.5-7B")


@pytest.mark.parametrize(
    ("shape", "tokens"),
    [(QWEN2["2B"], 69 * 39), (QWEN2_5["7B"], 69 * 39), (QWEN3["2B"], 60 * 34), (QWEN3["8B"], 60 * 34)],
    ids=["Qwen2-VL", "Qwen2.5-VL", "Qwen3-VL-2B", "Qwen3-VL-8B"],
)
def test_a_screen_of_1080p_has_fewer_tokens_in_qwen3_vl_whose_cells_are_larger(shape: ModelShape, tokens: int):
    assert shape.screenshot_tokens(1920, 1080) == tokens
    assert shape.screenshot_patches(1920, 1080) == 4 * tokens


def test_the_cache_of_a_7b_takes_57_344_bytes_a_token():
    assert QWEN2_5["7B"].kv_values_per_token * 2 == 57_344


def test_an_adapter_has_rank_times_the_sides_of_the_layers_that_it_stands_beside():
    one = replace(POCKET, layers=1)
    # q and o: 128 + 4 x 32; k and v: 128 + 2 x 32; three of the MLP: 128 + 256.
    assert one.adapter(8, ("all-linear",), vision=False) == 8 * (2 * 256 + 2 * 192 + 3 * 384)
    assert one.adapter(8, ("q_proj",), vision=True) == 8 * 256
    assert one.adapter(8, ("all-linear",), vision=True) - one.adapter(8, ("all-linear",), vision=False) == 8 * 1976


def test_a_config_of_transformers_4_with_everything_at_the_top_is_read():
    seven = {
        "model_type": "qwen2_5_vl", "hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28,
        "num_key_value_heads": 4, "intermediate_size": 18_944, "vocab_size": 152_064, "tie_word_embeddings": False,
        "vision_config": {
            "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "out_hidden_size": 3584, "patch_size": 14,
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
    }  # fmt: skip
    assert shape_from(seven) == QWEN2_5["7B"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"model_type": "llama"},
        {"model_type": "qwen2_vl", "vision_config": {}},
        {"model_type": "qwen2_vl", "vision_config": {}, "hidden_size": "wide", "num_attention_heads": 2},
        {"model_type": "qwen2_vl", "vision_config": {}, "hidden_size": 8, "num_attention_heads": 0},
        {"model_type": "qwen2_5_vl", "vision_config": [], "text_config": 3},
    ],
)
def test_a_config_of_another_kind_or_without_its_numbers_has_no_shape(settings: dict):
    assert shape_from(settings) is None
