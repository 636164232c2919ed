"""Work with a module's weights that does not call the module: the one door through which it is done.

The passes of `language` and `vision` use a module's parts and never its `forward`, so that whoever spreads its weights
over ranks (FSDP2) would not hear of it. Knows no rank.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")

DOOR = "work_with_weights"
"""Method of a module whose weights must be brought together before a pass: `(work, *arguments) -> result`."""


def through(module: Any, work: Callable[..., R], *arguments: Any) -> R:
    """`work(*arguments)`, while the module's weights are whole."""
    door = getattr(module, DOOR, None)
    if door is None:
        return work(*arguments)
    result: R = door(work, *arguments)
    return result
