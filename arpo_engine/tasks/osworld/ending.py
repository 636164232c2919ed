"""Ends whatever the program of OSWorld's code started, and nothing else: by the home folder in its environment.

Code that comes with tasks may put its processes into sessions of their own, which no signal to a group reaches. They
still have the environment of the program, whose home is a folder that exists once. What cleans its environment *and*
leaves its parents is not found; it has no rights here, as it runs as the program's user.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

ROUNDS = 20
"""Looks at most: a process that starts another one while it is ended is met again."""
HOME = b"HOME="


def end_those_at(is_theirs: Callable[[str], bool]) -> int:
    """Kill every process whose HOME is one of theirs; how many there were."""
    ended = 0
    for _ in range(ROUNDS):
        found = [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if is_theirs(_home_of(folder))]
        if not found:
            break
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended += len(found)
    if ended:
        log.warning("processes of a task's own code were ended", extra={"count": ended})
    return ended


def _home_of(folder: Path) -> str:
    """The home of a process; empty for one that has none, is somebody else's, or has ended and was not waited for."""
    try:
        variables = folder.joinpath("environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next(
        (entry.removeprefix(HOME).decode("utf-8", "replace") for entry in variables if entry.startswith(HOME)), ""
    )
