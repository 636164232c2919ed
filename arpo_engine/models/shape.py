"""The shape of the model that a path names: by its folder where it is here, else by its name. Asks no network."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from arpo_engine.contract.errors import ModelError
from arpo_engine.contract.plan.known_models import shape_of
from arpo_engine.contract.plan.shapes import ModelShape, shape_from
from arpo_engine.models.folder import BUILTIN, read_json

CONFIG = "config.json"


def shape_at(path: str) -> ModelShape | None:
    """By `config.json` of a folder or of a hub model that was fetched before; else by the name, or None.

    An adapter's folder has its model's `config.json`, so its shape is the model's.
    """
    file = _config_of(path)
    if file is not None:
        try:
            found = shape_from(read_json(file))
        except ModelError:
            found = None
        if found is not None:
            return found
    return shape_of(path)


def _config_of(path: str) -> Path | None:
    folder = BUILTIN.get(path) or Path(path)
    if (folder / CONFIG).is_file():
        return folder / CONFIG
    if path.count("/") == 1 and not path.startswith((".", "/", "~")):
        fetched = try_to_load_from_cache(path, CONFIG)
        return Path(fetched) if isinstance(fetched, str) else None
    return None
