"""Names a process for as long as its machine is up, so that what it left behind is known for such when it is dead."""

from __future__ import annotations

from pathlib import Path

import psutil

STARTED_FIELD = 22
"""Of /proc/PID/stat, see proc(5)."""


def owner_of(pid: int) -> str:
    """`pid:start`; the number alone may be given out again."""
    return f"{pid}:{_started(pid)}"


def is_dead(owner: str) -> bool:
    """Whether the process of that name is gone; false for what is no such name."""
    pid, _, started = owner.partition(":")
    return pid.isdigit() and started.isdigit() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process began; empty when there is none.

    In ticks since the machine did, where that is to be had: a clock that is set anew then makes no living process dead.
    """
    try:
        # The name in brackets may hold anything. Two fields come before it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return _started_without_proc(pid)
    return "" if fields[0] == "Z" else fields[STARTED_FIELD - 3]


def _started_without_proc(pid: int) -> str:
    try:
        return str(round(psutil.Process(pid).create_time() * 1000))
    except psutil.NoSuchProcess:
        return ""
