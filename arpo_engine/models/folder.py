"""Model folders: finding one, judging whether it can be used, reading its image settings, and replacing one atomically.

Must not load weights: what is wrong with a folder is said before minutes are spent on it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from arpo_engine.contract.errors import ModelError
from arpo_engine.models.patches import CLIP_MEAN, CLIP_STD, PatchFormat
from arpo_engine.models.resize import PixelLimits

BUILTIN = {"builtin:pocket": Path(__file__).parent / "pocket" / "weights"}
IMAGE_SETTINGS = "preprocessor_config.json"
READABLE = 0o644


def locate(path: str) -> Path:
    """The local folder that `path` names: a built-in policy, a folder, or a model of the Hugging Face hub.

    Raises:
        ModelError: there is no such model, or it is not a complete Qwen2.5-VL folder.
    """
    if path.startswith("builtin:"):
        if path not in BUILTIN:
            raise ModelError(f"there is no built-in policy {path!r}; known: {', '.join(BUILTIN)}")
        folder = BUILTIN[path]
    elif Path(path).is_dir():
        folder = Path(path)
    elif path.count("/") == 1 and not path.startswith((".", "/", "~")):
        folder = _download(path)
    else:
        raise ModelError(f"model.path is {path!r}, and there is no such folder; give a model folder or builtin:pocket")
    _judge(folder)
    return folder


def read_patch_format(folder: Path) -> PatchFormat:
    """How this model's screenshots are resized and cut, from its `preprocessor_config.json`."""
    settings = read_json(folder / IMAGE_SETTINGS) if (folder / IMAGE_SETTINGS).is_file() else {}
    size, defaults = settings.get("size") or {}, PixelLimits()
    patch, merge = int(settings.get("patch_size", 14)), int(settings.get("merge_size", 2))
    return PatchFormat(
        limits=PixelLimits(
            min_pixels=int(settings.get("min_pixels") or size.get("shortest_edge") or defaults.min_pixels),
            max_pixels=int(settings.get("max_pixels") or size.get("longest_edge") or defaults.max_pixels),
            factor=patch * merge,
        ),
        patch=patch,
        merge=merge,
        temporal=int(settings.get("temporal_patch_size", 2)),
        mean=tuple(settings.get("image_mean") or CLIP_MEAN),
        std=tuple(settings.get("image_std") or CLIP_STD),
    )


def write_patch_format(folder: Path, form: PatchFormat) -> None:
    """The counterpart, in the keys that transformers and vLLM read."""
    limits = form.limits
    settings = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "min_pixels": limits.min_pixels,
        "max_pixels": limits.max_pixels,
        "size": {"shortest_edge": limits.min_pixels, "longest_edge": limits.max_pixels},
        "patch_size": form.patch,
        "merge_size": form.merge,
        "temporal_patch_size": form.temporal,
        "image_mean": list(form.mean),
        "image_std": list(form.std),
    }
    (folder / IMAGE_SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Fill a new folder by `write` and put it in `folder`'s place; a crash leaves the old one or the new one, whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fresh = scratch / "fresh"
        fresh.mkdir()
        write(fresh)
        for file in fresh.iterdir():
            file.chmod(READABLE)  # safetensors writes for its owner only
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        if folder.exists():
            folder.rename(scratch / "old")
        fresh.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object of a model folder."""
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} cannot be read as JSON ({error}); copy the model folder again") from error
    if not isinstance(tree, dict):
        raise ModelError(f"{file} holds a {type(tree).__name__}, not an object; copy the model folder again")
    return tree


def _judge(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} has no config.json, so it is no model folder; give the folder that holds it")
    kind = read_json(folder / "config.json").get("model_type")
    if kind != "qwen2_5_vl":
        raise ModelError(f"{folder} is a {kind!r} model; only Qwen2.5-VL (qwen2_5_vl) can be trained here")
    if not any(folder.glob("*.safetensors")):
        raise ModelError(f"{folder} has no *.safetensors weights; copy or download the model folder again")
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(f"{folder} has no tokenizer.json; save the tokenizer beside the weights")


def _download(name: str) -> Path:
    try:
        return Path(snapshot_download(name))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"model.path is {name!r}: no such folder here, and the hub did not give it ({type(error).__name__}); "
            "check the name and the network, or give a local folder"
        ) from error
