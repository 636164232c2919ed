"""Whether an engine and a console may speak to each other: both must come from releases of one contract.

The engine names its version in a header of every call, the console its own in every answer; one that says none is of
the first version. Knows no HTTP beyond that header's name.
"""

from __future__ import annotations

from typing import Final

FIRST_VERSION: Final = 1
HEADER: Final = "X-Arpo-Contract"
"""The engine's version, in every call."""


def disagreement(*, console: int, engine: int) -> str | None:
    """Why the two must not go on, with the cure; None if they may."""
    if console == engine:
        return None
    older = "console" if console < engine else "engine"
    return (
        f"the console speaks version {console} of the contract and the engine version {engine}; update the {older}, so "
        "that both come from one release"
    )


def version_in(header: str | None) -> int | None:
    """The version that a header names: the first one if there is none, None if it cannot be read."""
    if header is None:
        return FIRST_VERSION
    return int(header) if header.strip().isdecimal() else None
