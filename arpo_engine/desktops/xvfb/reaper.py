"""Ends desktops whose engine is dead, by the label in their environment, and nothing else.

Usually there are none: a desktop ends when its engine's end of a pipe closes. A process that inherited that end by
mistake keeps it open; this is for such days.
"""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

log = logging.getLogger(__name__)

LABEL = "ARPO_DESKTOP_OWNER"
"""Environment variable of everything in a desktop: process id and start time of the engine's process that holds it."""
FIRST_PROCESS = b"unshare"


def label_of(pid: int) -> str:
    """What names a process for as long as the machine is up; its number alone may be given out again."""
    return f"{pid}:{_started(pid)}"


def reap() -> list[int]:
    """Kill the first process of every desktop whose owner is dead; returns their process ids."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and _is_orphaned(folder):
            pid = int(folder.name)
            log.warning("a desktop of a dead engine was ended", extra={"pid": pid})
            os.kill(pid, signal.SIGKILL)
            found.append(pid)
    return found


def _is_orphaned(folder: Path) -> bool:
    try:
        if not folder.joinpath("cmdline").read_bytes().startswith(FIRST_PROCESS):
            return False
        variables = dict(
            entry.partition(b"=")[::2] for entry in folder.joinpath("environ").read_bytes().split(b"\0") if entry
        )
    except OSError:
        # It ended meanwhile, or is somebody else's.
        return False
    label = variables.get(LABEL.encode(), b"").decode("ascii", "replace")
    pid, _, started = label.partition(":")
    return pid.isdigit() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty when there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The name in brackets may hold anything; 22 is the number of the field in proc(5), of which two come before it.
    fields = status.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[22 - 3]
