"""A small process that outlives ours by a moment: when we are gone, however that happened, it removes what we left.

Most containers end by themselves then, but not one that was being made, nor OSWorld's official image. What waits is an
almost empty interpreter; it becomes `python -m arpo_engine.desktops.docker.watch` when there is something to do.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import time

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.docker.engine import connect
from arpo_engine.desktops.docker.reaper import reap

log = logging.getLogger(__name__)

WAIT = "import os, sys; sys.stdin.buffer.read(); os.execv(sys.executable, [sys.executable, '-m', sys.argv[1]])"
TIMES = 3
"""The engine may still be making what we asked for when we are gone, so one look is not enough."""
TRIES = 20
BETWEEN_S = 3.0
"""Together a minute: the Docker engine may have died with us and be starting again."""


class Watch:
    """Held for as long as this process may leave something."""

    def __init__(self) -> None:
        # -S and -E: nothing of site-packages is loaded while it waits.
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", WAIT, __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Let it look, and end."""
        assert self._process.stdin is not None, "asked for above"
        with contextlib.suppress(OSError):
            self._process.stdin.close()


def main() -> int:
    """Reap until there was nothing new for a while."""
    looked = 0
    for _ in range(TRIES):
        try:
            reap(connect())
            looked += 1
        except DesktopLost as error:
            log.info("desktops cannot be removed yet", extra={"reason": str(error)})
        if looked == TIMES:
            return 0
        time.sleep(BETWEEN_S)
    return 1


if __name__ == "__main__":
    sys.exit(main())
