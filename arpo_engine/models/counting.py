"""How many numbers a model folder holds, and how many of them a run lets learn: by the headers of its files alone."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

from arpo_engine.contract.config.parts import ModelConfig
from arpo_engine.contract.errors import ModelError
from arpo_engine.models.folder import read_json, root_of

HEAD = "lm_head.weight"
NOT_LINEAR = ("embed_tokens", "pos_embed", "lm_head")
"""Matrices that are no linear layer of a tower."""


def count_parameters(folder: Path) -> int:
    """All weights; of an adapter's folder those of its model. No weights are read.

    A head that is tied to the embedding is one parameter with it, also where a file holds both.
    """
    return sum(math.prod(shape) for shape in _shapes(folder).values())


def count_learnt(folder: Path, model: ModelConfig) -> int:
    """Those that learn: all, those outside the vision tower, or the numbers of an adapter (LoRA)."""
    shapes = {name: shape for name, shape in _shapes(folder).items() if not (model.freeze_vision and _visual(name))}
    if not model.lora.rank:
        return sum(math.prod(shape) for shape in shapes.values())
    sides = (sum(shape) for name, shape in shapes.items() if len(shape) == 2 and _meant(name, model.lora.targets))
    return model.lora.rank * sum(sides)


def _visual(name: str) -> bool:
    return "visual" in name.split(".")


def _meant(name: str, targets: tuple[str, ...]) -> bool:
    layer = name.removesuffix(".weight").rpartition(".")[2]
    return layer not in NOT_LINEAR and ("all-linear" in targets or layer in targets)


def _shapes(folder: Path) -> dict[str, list[int]]:
    held = root_of(folder)
    shapes = {name: shape for path in sorted(held.glob("*.safetensors")) for name, shape in _header(path).items()}
    if HEAD in shapes and _has_tied_head(held):
        del shapes[HEAD]
    return shapes


def _has_tied_head(folder: Path) -> bool:
    config = read_json(folder / "config.json")
    text = config.get("text_config")
    # It may stand at either place; where the text part says it, that counts.
    said = text if isinstance(text, dict) and "tie_word_embeddings" in text else config
    return said.get("tie_word_embeddings") is True


def _header(path: Path) -> dict[str, list[int]]:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        return {name: [int(side) for side in tensor["shape"]] for name, tensor in header.items() if name[:2] != "__"}
    except (
        OSError,
        ValueError,
        struct.error,
        KeyError,
        TypeError,
        AttributeError,
        MemoryError,
        OverflowError,
    ) as error:
        raise ModelError(f"{path} is no safetensors file ({error}); copy the model folder again") from error
