"""Reading a configuration from YAML and `key=value` words, with errors that name the field, the value and the cure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from arpo_engine.contract.config.explaining import explain
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.yaml_text import read_yaml
from arpo_engine.contract.errors import ConfigError


def load_config(path: Path, overrides: Iterable[str] = ()) -> RunConfig:
    """Read a YAML (or JSON) file and apply `a.b=value` words to it.

    Raises:
        ConfigError: the file cannot be read, or a field is unknown, wrong or contradicts another.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read the config {path}: {error.strerror}; give the path of a YAML file") from error
    tree = read_yaml(text, str(path)) or {}
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{path} holds a {type(tree).__name__}, not a mapping of settings; start it with `kind: train`"
        )
    return parse_config(apply_overrides(tree, overrides))


def apply_overrides(tree: Mapping[str, Any], words: Iterable[str]) -> dict[str, Any]:
    """Return a copy of `tree` with each `a.b.c=value` set; values are read as YAML scalars."""
    result: dict[str, Any] = json.loads(json.dumps(tree))
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"{word!r} is not a setting; write it as key=value, such as rollout.group_size=8")
        node = result
        *parents, leaf = (part.strip() for part in key.split("."))
        if not all((*parents, leaf)):
            raise ConfigError(f"{key!r} has an empty part; write the setting's path such as rollout.group_size")
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise ConfigError(f"{key}: {parent} is a value, not a group of settings; check the key's path")
        node[leaf] = _scalar(key, value)
    return result


def parse_config(tree: Mapping[str, Any]) -> RunConfig:
    """Validate a plain mapping.

    Raises:
        ConfigError: with one line per field, each naming the field, the value and the cure.
    """
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        lines = [f"{field}: {message}" for field, message in explain(error)]
        raise ConfigError("\n".join(lines)) from error


def config_hash(config: RunConfig) -> str:
    """Sixteen hex digits over everything that changes what the run does (its title and story do not)."""
    tree = config.model_dump(mode="json", exclude={"title", "story"})
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]


def _scalar(key: str, value: str) -> Any:
    try:
        return read_yaml(value, key) if value else None
    except ConfigError as error:
        raise ConfigError(f"{key}: {value!r} cannot be read as a value; put it in quotes: {key}='\"…\"'") from error
