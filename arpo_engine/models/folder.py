"""Model folders: finding one, judging whether it can be used, and replacing one atomically.

Must not load weights nor import torch: what is wrong with a folder is said before seconds are spent on it.
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
from arpo_engine.models.families import FAMILIES, Family, known
from arpo_engine.models.shards.folder import holds_shards

BUILTIN = {"builtin:pocket": Path(__file__).parent / "pocket" / "weights"}
ADAPTER_SETTINGS = "adapter_config.json"
"""In a folder that holds an adapter and, besides its weights, all settings of the model that it belongs to."""
READABLE = 0o644


def locate(path: str) -> Path:
    """The local folder that `path` names: a built-in policy, a folder, or a model of the Hugging Face hub.

    Raises:
        ModelError: there is no such model, or it is no complete folder of a kind that can be trained.
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


def base_of(folder: Path) -> Path | None:
    """The folder of the model that an adapter's folder belongs to; None where a folder holds a model itself.

    Raises:
        ModelError: that model is not there any more.
    """
    if not (folder / ADAPTER_SETTINGS).is_file():
        return None
    base = read_json(folder / ADAPTER_SETTINGS).get("base_model_name_or_path")
    try:
        return locate(str(base))
    except ModelError as error:
        raise ModelError(f"{folder} is an adapter of {base!r}, which cannot be had: {error}") from error


def root_of(folder: Path) -> Path:
    """The folder that holds whole weights: this one, or below its adapter (and that of its model, …) the first such.

    Raises:
        ModelError: a model on the way is not there any more, or an adapter is its own model.
    """
    passed = [folder]
    while (base := base_of(passed[-1])) is not None:
        if base.resolve() in [known.resolve() for known in passed]:
            raise ModelError(f"{folder} is in the end an adapter of itself; name its model in {ADAPTER_SETTINGS}")
        passed.append(base)
    return passed[-1]


def family_of(folder: Path) -> Family:
    """What kind of model a folder holds, by the `model_type` of its config.json.

    Raises:
        ModelError: of a kind that cannot be trained here; the text names those that can.
    """
    kind = read_json(folder / "config.json").get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise ModelError(f"{folder} is a {kind!r} model; give one that can be trained here: {known()}")
    return FAMILIES[kind]


def _judge(folder: Path) -> None:
    if holds_shards(folder):
        raise ModelError(
            f"{folder} holds a checkpoint of ARPO or EasyR1, one file a rank; make a model folder of it by "
            f"`python -m arpo_engine import-checkpoint {folder} --out DIR` and give DIR"
        )
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} has no config.json, so it is no model folder; give the folder that holds it")
    family_of(folder)
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
