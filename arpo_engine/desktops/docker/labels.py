"""What a container says of itself, so that it can be found when whoever started it is dead."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from arpo_engine.desktops.owners import owner_of

DESKTOP = "arpo.desktop"
"""On every container of ours; its value is the kind of provider."""
RUN, ATTEMPT, HOST, OWNER = "arpo.run", "arpo.attempt", "arpo.host", "arpo.owner"
RUN_VARIABLE, ATTEMPT_VARIABLE = "ARPO_RUN", "ARPO_ATTEMPT"
"""Environment of the engine's processes, set where a run begins."""


def mark_process(run: str, attempt: int) -> None:
    """Let this process, and those that it starts, be known as a run's."""
    os.environ[RUN_VARIABLE], os.environ[ATTEMPT_VARIABLE] = run, str(attempt)


def marks_of_process() -> Mapping[str, str]:
    """What `mark_process` set, for processes that somebody else starts for us; empty outside of a run."""
    return {name: os.environ[name] for name in (RUN_VARIABLE, ATTEMPT_VARIABLE) if name in os.environ}


def labels(kind: str) -> dict[str, str]:
    """The labels of a container that this process starts."""
    return {
        DESKTOP: kind,
        RUN: os.environ.get(RUN_VARIABLE, "none"),
        ATTEMPT: os.environ.get(ATTEMPT_VARIABLE, "0"),
        HOST: this_host(),
        OWNER: owner_of(os.getpid()),
    }


def this_host() -> str:
    """Whoever has this name sees the same processes: machines may share an engine, and containers a machine's name."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    machine = Path("/etc/machine-id")
    known = machine.read_text(encoding="ascii").strip()[:8] if machine.is_file() else ""
    return "/".join(part for part in (socket.gethostname(), known, space) if part)
