"""Folders that hold a LoRA adapter alone, in peft's own form, beside the settings of the model that it belongs to.

Reading and merging one needs no peft: an adapter is two small matrices for each weight. Training one is `lora`'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from arpo_engine.contract.errors import ModelError
from arpo_engine.models.folder import ADAPTER_SETTINGS, read_json

ADAPTER_WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
"""Before every name in a file of peft's."""
DOWN, UP = ".lora_A.weight", ".lora_B.weight"
PLAIN: Mapping[str, object] = {
    "alora_invocation_tokens": None,
    "alpha_pattern": {},
    "bias": "none",
    "fan_in_fan_out": False,
    "layer_replication": None,
    "lora_bias": False,
    "modules_to_save": None,
    "rank_pattern": {},
    "use_dora": False,
    "use_qalora": False,
    "use_rslora": False,
}
"""What an adapter that is merged here must not differ in."""


def write_adapter(folder: Path, settings: Mapping[str, Any], matrices: Mapping[str, Tensor]) -> None:
    """Both files; `matrices` by the names of the model's own layers."""
    (folder / ADAPTER_SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    held = {PREFIX + name: matrix.detach().cpu().contiguous() for name, matrix in matrices.items()}
    save_file(held, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def read_adapter(folder: Path) -> dict[str, Tensor]:
    """The matrices, by the names of the model's own layers.

    Raises:
        ModelError: they are missing or torn.
    """
    try:
        held = load_file(folder / ADAPTER_WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{folder / ADAPTER_WEIGHTS} cannot be read ({error}); copy the adapter's folder again"
        ) from error
    return {name.removeprefix(PREFIX): matrix for name, matrix in held.items()}


@torch.no_grad()
def merge_into(module: Any, folder: Path) -> None:
    """Add an adapter to the weights of its model, in place.

    Raises:
        ModelError: it belongs to another model, or is of a kind that is not merged here.
    """
    settings, matrices = read_json(folder / ADAPTER_SETTINGS), read_adapter(folder)
    other = [key for key, plain in PLAIN.items() if settings.get(key, plain) not in (plain, None)]
    if settings.get("peft_type") != "LORA" or other:
        named = ", ".join(other) or f"peft_type {settings.get('peft_type')!r}"
        raise ModelError(f"{folder} holds no plain LoRA adapter ({named}); merge it by peft's merge_and_unload")
    names = [key.removesuffix(DOWN) for key in matrices if key.endswith(DOWN)]
    beside = sorted(set(matrices) - {name + part for name in names for part in (DOWN, UP)})
    if beside:
        raise ModelError(f"{folder} holds {beside[0]}, which no plain LoRA has; merge it by peft's merge_and_unload")
    scale = float(settings["lora_alpha"]) / int(settings["r"])
    weights = dict(module.named_parameters())
    for name in names:
        weight, down, up = weights.get(f"{name}.weight"), matrices[name + DOWN], matrices.get(name + UP)
        if weight is None or up is None or weight.shape != (up.shape[0], down.shape[1]):
            raise ModelError(f"{folder} does not fit its model at {name}; give the model that it was trained from")
        weight.copy_(merged(weight, down, up, scale))


def merged(weight: Tensor, down: Tensor, up: Tensor, scale: float) -> Tensor:
    """A weight with its adapter, computed in float32 and rounded once to the weight's own numbers."""
    added = up.to(weight.device).float() @ down.to(weight.device).float()
    return (weight.float() + scale * added).to(weight.dtype)
