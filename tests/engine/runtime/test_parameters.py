"""Parameters of a model folder, counted without reading its weights."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.contract.errors import ModelError
from arpo_engine.models.counting import count_parameters
from arpo_engine.models.folder import BUILTIN
from arpo_engine.models.policy import Policy


def model_folder(folder: Path, config: dict[str, Any]) -> Path:
    shapes = {"lm_head.weight": [4, 3], "model.embed_tokens.weight": [4, 3], "norm": [5]}
    header = json.dumps({"__metadata__": {}, **{name: {"shape": shape} for name, shape in shapes.items()}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_the_shipped_policy_has_as_many_as_its_network_has():
    module = Policy.load("builtin:pocket").module
    counted = count_parameters(BUILTIN["builtin:pocket"])
    assert counted == sum(parameter.numel() for parameter in module.parameters()) == 946_512


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        ({"tie_word_embeddings": True}, 17),
        ({"tie_word_embeddings": False}, 29),
        ({}, 29),
        ({"tie_word_embeddings": False, "text_config": {"tie_word_embeddings": True}}, 17),
        ({"tie_word_embeddings": True, "text_config": {"hidden_size": 3}}, 17),
    ],
)
def test_a_head_that_is_tied_to_the_embedding_is_counted_once(tmp_path: Path, config: dict, parameters: int):
    assert count_parameters(model_folder(tmp_path, config)) == parameters


def test_a_file_that_is_none_is_named(tmp_path: Path):
    model_folder(tmp_path, {})
    (tmp_path / "model.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="is no safetensors file"):
        count_parameters(tmp_path)
