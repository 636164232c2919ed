"""Configs as flat dotted settings: what differs between two, and back to a tree. Knows no form and no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

WORDS_ABOUT = frozenset({"title", "story"})
"""Settings that describe a run and change nothing of what it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One setting that two configs disagree on; `absent` marks the side that has no such setting."""

    path: str
    before: str
    after: str


ABSENT = "not there"


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Leaves by dotted path; an empty mapping is a leaf."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{path}.")
        else:
            flat[path] = value
    return flat


def set_path(tree: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a dotted path; a leaf that stands in the way becomes a group."""
    *parents, leaf = path.split(".")
    node = tree
    for parent in parents:
        child = node.get(parent)
        if not isinstance(child, dict):
            child = {}
            node[parent] = child
        node = child
    node[leaf] = value


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Settings of two resolved configs that are not equal, in the order of the second; titles and stories left out."""
    old, new = flatten(before), flatten(after)
    paths = [*new, *(path for path in old if path not in new)]
    return [
        Difference(path=path, before=show(old[path]) if path in old else ABSENT,
                   after=show(new[path]) if path in new else ABSENT)
        for path in paths
        if path not in WORDS_ABOUT and (path not in old or path not in new or old[path] != new[path])
    ]  # fmt: skip


def show(value: Any) -> str:
    """A setting's value in one line, as YAML would have it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return value or "(empty)"
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).strip().removesuffix("...").strip()


def as_yaml(tree: Mapping[str, Any]) -> str:
    """The config as a person would keep it in a file."""
    return yaml.safe_dump(dict(tree), sort_keys=False, allow_unicode=True, width=100)
