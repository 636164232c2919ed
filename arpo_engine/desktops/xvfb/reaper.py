"""Ends desktops whose engine is dead, by the label in their environment, and nothing else.

Usually there are none: a desktop ends when its engine's end of a pipe closes. A process that inherited that end by
mistake keeps it open; this is for such days.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from pathlib import Path

from arpo_engine.desktops.owners import is_dead

log = logging.getLogger(__name__)

LABEL = "ARPO_DESKTOP_OWNER"
"""Environment variable of everything in a desktop: the engine's process that holds it, as `owners.py` names it."""
FIRST_PROCESS = b"unshare"
NAMESPACE = "ns/pid"


def reap() -> list[int]:
    """Kill the first process of every desktop whose owner is dead; returns their process ids."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _is_orphaned(folder):
            pid = int(folder.name)
            # Another process of the engine that starts now may have been quicker.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                log.warning("a desktop of a dead engine was ended", extra={"pid": pid})
                found.append(pid)
    return found


def _is_orphaned(folder: Path) -> bool:
    try:
        if not folder.joinpath("cmdline").read_bytes().startswith(FIRST_PROCESS):
            return False
        if folder.joinpath(NAMESPACE).readlink() != Path("/proc/self", NAMESPACE).readlink():
            # A container's: the number of its owner means another process here, or none.
            return False
        variables = dict(
            entry.partition(b"=")[::2] for entry in folder.joinpath("environ").read_bytes().split(b"\0") if entry
        )
    except OSError:
        # It ended meanwhile, or is somebody else's.
        return False
    return is_dead(variables.get(LABEL.encode(), b"").decode("ascii", "replace"))
