"""Desktop providers by kind, loaded only in the process that runs them. Knows no torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

from arpo_engine.desktops.host import DesktopRow

ROWS = {"pocket": "arpo_engine.desktops.pocket.host:PocketHost"}
"""Kind to `module:class`; the class takes the number of desktops."""


def build_row(kind: str, count: int) -> DesktopRow:
    """Make `count` desktops of a kind in this process."""
    module, _, name = ROWS[kind].partition(":")
    build = cast(Callable[[int], DesktopRow], getattr(importlib.import_module(module), name))
    return build(count)
