"""Names of containers and of their doors: whose they are, and which of them."""

from __future__ import annotations

import os
import secrets

from arpo_engine.desktops.owners import owner_of

PREFIX = "arpo"


def new_name() -> str:
    """A name that nobody has."""
    return f"{PREFIX}-{owner_of(os.getpid()).replace(':', '-')}-{secrets.token_hex(4)}"


def owner_in(name: str) -> str:
    """The process that a name says; empty when it says none."""
    words = name.split("-")
    return f"{words[1]}:{words[2]}" if len(words) == 4 and words[0] == PREFIX else ""
