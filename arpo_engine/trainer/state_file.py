"""Plain data and bytes of a checkpoint: one JSON file, and a zip for the bytes in it, so that no pickle is needed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arpo_engine.contract.errors import CheckpointError

STATE = "state.json"
BLOBS = "blobs.zip"
BLOB_KEY = "$blob"


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write a tree of dictionaries, lists, numbers, words and bytes."""
    blobs: dict[str, bytes] = {}
    tree = _without_bytes(state, "state", blobs)
    (folder / STATE).write_text(json.dumps(tree, separators=(",", ":")), encoding="utf-8")
    with zipfile.ZipFile(folder / BLOBS, "w", zipfile.ZIP_STORED) as archive:
        for name, blob in blobs.items():
            # With a date of its own: a clock that was set to before 1980 would make the archive refuse it.
            archive.writestr(zipfile.ZipInfo(name), blob)


def read_state(folder: Path) -> dict[str, Any]:
    """The tree that `write_state` wrote."""
    tree = read_json(folder / STATE)
    with zipfile.ZipFile(folder / BLOBS) as archive:
        restored = _with_bytes(tree, archive)
    return dict(restored)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a checkpoint.

    Raises:
        CheckpointError: it is missing, unreadable or no object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"checkpoint file {path} is missing or unreadable ({error.strerror})") from error
    except ValueError as error:
        raise CheckpointError(f"checkpoint file {path} is no JSON ({error})") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"checkpoint file {path} holds a {type(data).__name__}, not a mapping")
    return data


def _without_bytes(node: Any, path: str, blobs: dict[str, bytes]) -> Any:
    if isinstance(node, bytes):
        blobs[path] = node
        return {BLOB_KEY: path}
    if isinstance(node, Mapping):
        return {key: _without_bytes(value, f"{path}/{key}", blobs) for key, value in node.items()}
    if isinstance(node, list | tuple) and any(isinstance(value, bytes | Mapping | list | tuple) for value in node):
        return [_without_bytes(value, f"{path}/{place}", blobs) for place, value in enumerate(node)]
    return node


def _with_bytes(node: Any, archive: zipfile.ZipFile) -> Any:
    if isinstance(node, dict):
        if set(node) == {BLOB_KEY}:
            return archive.read(node[BLOB_KEY])
        return {key: _with_bytes(value, archive) for key, value in node.items()}
    if isinstance(node, list) and node and isinstance(node[0], dict | list):
        return [_with_bytes(value, archive) for value in node]
    return node
