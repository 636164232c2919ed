"""A model folder from weights that come one by one: safetensors of bounded size, their index, config and tokenizer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from arpo_engine.models.folder import read_json

FILE_BYTES = 5_000_000_000
"""Weights of one file; also what is held in memory at once."""
SETTINGS = (".json", ".txt", ".jinja", ".model")
"""Endings of what belongs to a config or a tokenizer. A model's own Python is not among them."""
INDEX = "model.safetensors.index.json"


def write_weights(
    folder: Path,
    sizes: Mapping[str, int],
    weight: Callable[[str], Tensor],
    tell: Callable[[str], None],
) -> None:
    """Write every weight of `sizes` (bytes by name), asking for one at a time.

    Raises:
        OSError: the disk does not take them.
    """
    files = _split(sizes)
    where: dict[str, str] = {}
    for number, names in enumerate(files, start=1):
        file = "model.safetensors" if len(files) == 1 else f"model-{number:05d}-of-{len(files):05d}.safetensors"
        tell(f"writing {file} ({number} of {len(files)}), {sum(sizes[name] for name in names) / 1e9:.2f} GB")
        try:
            save_file({name: weight(name) for name in names}, folder / file, metadata={"format": "pt"})
        except SafetensorError as error:
            raise OSError(str(error)) from error
        where |= dict.fromkeys(names, file)
    if len(files) > 1:
        index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": where}
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def copy_settings(settings: Path, folder: Path, dtypes: set[torch.dtype]) -> None:
    """Config and tokenizer, with the weights' dtype in the config, which vLLM goes by."""
    for path in sorted(settings.iterdir()):
        if path.is_file() and path.suffix in SETTINGS and not path.name.endswith(".index.json"):
            shutil.copyfile(path, folder / path.name)
    # A few weights may be kept finer than the rest, such as norms; the coarsest is what the model was trained in.
    coarsest = min(dtypes, key=lambda dtype: (dtype.itemsize, str(dtype)))
    config = _with_dtype(read_json(settings / "config.json"), str(coarsest).removeprefix("torch."))
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _with_dtype(config: dict[str, Any], dtype: str) -> dict[str, Any]:
    key = "torch_dtype" if "torch_dtype" in config else "dtype"
    told = {**config, key: dtype}
    for name in ("text_config", "vision_config"):
        part = config.get(name)
        if isinstance(part, dict):
            told[name] = {**part, **{key: dtype for key in ("torch_dtype", "dtype") if key in part}}
    return told


def _split(sizes: Mapping[str, int]) -> list[list[str]]:
    files: list[list[str]] = []
    filled = 0
    for name, size in sizes.items():
        if not files or filled + size > FILE_BYTES:
            files.append([])
            filled = 0
        files[-1].append(name)
        filled += size
    return files
