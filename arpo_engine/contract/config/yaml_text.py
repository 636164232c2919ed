"""YAML text into plain values, bounded: a file of a few lines cannot grow to gigabytes through its aliases.

Knows the size of what it reads; knows no settings.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from arpo_engine.contract.errors import ConfigError

MAX_CHARACTERS = 256 * 1024
"""Longest text that is read."""
MAX_VALUES = 20_000
"""Most values that a text may hold once its aliases are written out."""
MAX_DEPTH = 50
"""Deepest nesting."""
NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What YAML can write (`"\\0"`, `"\\ud800"`), and no database stores."""


def read_yaml(text: str, name: str = "the text") -> Any:
    """Read YAML (or JSON) text of a bounded size.

    `name` says in messages what is read.

    Raises:
        ConfigError: it is too long, no YAML, nested too deeply, or its aliases multiply into too many values.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(
            f"{name} has {len(text)} characters; a config has at most {MAX_CHARACTERS}: give only the run's settings"
        )
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, name)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is not YAML: {_in_a_line(error)}; mend it there") from error
    except RecursionError as error:
        raise ConfigError(f"{name} is nested too deeply; a config has at most {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise ConfigError(f"{name} holds a value that cannot be read ({error}); mend it") from error


def _in_a_line(error: yaml.YAMLError) -> str:
    """What a YAML error says, with its place, without the picture of the text that it draws."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    return where + " ".join(str(problem or error).split())


def _check(root: yaml.Node, name: str) -> None:
    """Count what the text would hold with every alias written out; each node is counted once and remembered."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node, depth: int) -> int:
        key = id(node)
        if key in open_nodes:
            raise ConfigError(f"{name}: line {node.start_mark.line + 1} holds itself through an alias; write it out")
        if isinstance(node, yaml.ScalarNode) and NO_TEXT.search(node.value):
            raise ConfigError(
                f"{name}: line {node.start_mark.line + 1} holds a character that no text has (NUL, or half of a pair)"
            )
        if depth > MAX_DEPTH:
            raise ConfigError(f"{name} is nested too deeply; a config has at most {MAX_DEPTH} levels")
        if key not in sizes:
            open_nodes.add(key)
            sizes[key] = 1 + sum(size(child, depth + 1) for child in _children(node))
            open_nodes.discard(key)
        return sizes[key]

    values = size(root, 0)
    if values > MAX_VALUES:
        raise ConfigError(
            f"{name} holds {values:.3g} values once its aliases are written out; a config has at most {MAX_VALUES}: "
            "write the settings without aliases"
        )


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
