"""Settings that a team's preset locks: which fields those are, what the form takes for them, who changed one after all.

Knows paths and values; knows no rows and no person.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from webapp.runs.config_tree import flatten, show
from webapp.runs.schema_form import form_fields

NEVER_LOCKED = frozenset({"title", "story"})
"""Each run has its own."""
WEIGHTS = "model.path"


def locked_values(tree: Mapping[str, Any], locked: Iterable[str], *, from_checkpoint: bool = False) -> dict[str, Any]:
    """The fields that are locked, with the values that they have in the preset.

    A run `from_checkpoint` begins with other weights by that, so their path is not held against it.
    """
    flat, names = flatten(tree), list(locked)
    free = NEVER_LOCKED | ({WEIGHTS} if from_checkpoint else set())
    return {
        path: flat[path]
        for path in form_fields()
        if path in flat and path not in free and any(_is_below(path, name) for name in names)
    }


def unknown_paths(locked: Iterable[str]) -> list[str]:
    """Those that name neither a field nor a group of fields."""
    return [name for name in locked if not any(_is_below(path, name) for path in form_fields())]


def posted_words(locked: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """What a browser would have sent for locked fields, which it leaves out since they are disabled."""
    words = {}
    for path, value in locked.items():
        kind = form_fields()[path].kind
        if kind == "switch":
            if value:
                words[prefix + path] = "on"
        elif kind == "yaml":
            words[prefix + path] = json.dumps(value, ensure_ascii=False)
        else:
            words[prefix + path] = "" if value is None else str(value)
    return words


def still_locked(locked: Mapping[str, Any], flat: Mapping[str, Any], swept: Sequence[str] = ()) -> dict[str, str]:
    """A message for each locked setting that was changed or swept after all."""
    found = {}
    for path, value in locked.items():
        if path in swept:
            found[path] = f"is locked at {show(value)} by the preset, so it cannot be swept; ask a maintainer"
        elif path in flat and _plain(flat[path]) != _plain(value):
            found[path] = (
                f"is locked at {show(value)} by the preset and was sent as {show(flat[path])}; leave it, begin from "
                "another preset, or ask a maintainer of the team to change the preset"
            )
    return found


def _is_below(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}.")


def _plain(value: Any) -> Any:
    """As it is compared: JSON has lists where the form may have tuples, and 8 is 8.0."""
    return list(value) if isinstance(value, tuple) else value
