"""Reading a configuration from YAML and `key=value` words, with errors that name the field, the value and the cure."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from arpo_engine.contract.config.run import RunConfig
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
    try:
        tree = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}; mend that line") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} holds a {type(tree).__name__}, not a mapping of settings; start it with `kind: train`")
    return parse_config(apply_overrides(tree, overrides))


def apply_overrides(tree: Mapping[str, Any], words: Iterable[str]) -> dict[str, Any]:
    """Return a copy of `tree` with each `a.b.c=value` set; values are read as YAML scalars."""
    result: dict[str, Any] = json.loads(json.dumps(tree))
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"{word!r} is not a setting; write it as key=value, such as rollout.group_size=8")
        node = result
        *parents, leaf = key.strip().split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise ConfigError(f"{key}: {parent} is a value, not a group of settings; check the key's path")
        node[leaf] = yaml.safe_load(value) if value else None
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


def explain(error: ValidationError) -> list[tuple[str, str]]:
    """Turn pydantic's errors into (dotted field, sentence) pairs; the field is empty for the config as a whole."""
    return [(_field(item), _sentence(item)) for item in error.errors()]


def config_hash(config: RunConfig) -> str:
    """Sixteen hex digits over everything that changes what the run does (its title and story do not)."""
    tree = config.model_dump(mode="json", exclude={"title", "story"})
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]


def _field(item: ErrorDetails) -> str:
    # A union's branch name ("arpo") stands in pydantic's path; people know the field without it.
    parts = [str(part) for part in item["loc"]]
    if len(parts) > 1 and parts[0] == "algorithm" and parts[1] in ("grpo", "arpo"):
        del parts[1]
    return ".".join(parts)


def _sentence(item: ErrorDetails) -> str:
    value = item.get("input")
    if item["type"] == "extra_forbidden":
        known = _known_keys(item["loc"])
        near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1)
        cure = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"there is no such setting; {cure}"
    if item["type"] == "value_error":
        return item["msg"].removeprefix("Value error, ")
    shown = json.dumps(value, default=str) if not isinstance(value, dict) else "a group"
    return f"{item['msg']} (it is {shown})"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = RunConfig
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is None:
            union = _branch(model, str(part))
            if union is None:
                break
            model = union
            continue
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
        else:
            model = _branch_holder(annotation)
    return sorted(model.model_fields)


def _branch(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    for candidate in [model, *model.__subclasses__()]:
        kind = candidate.model_fields.get("kind")
        if kind is not None and kind.default == name:
            return candidate
    return None


def _branch_holder(annotation: Any) -> type[BaseModel]:
    members = getattr(annotation, "__args__", ())
    models = [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]
    return models[0] if models else RunConfig
