"""A small process that outlives ours by a moment: when we are gone, however that happened, it removes what we left.

For images that do not end by themselves. Run as `python -m arpo_engine.desktops.docker.watch`, it waits for the end of its
standard input, which is ours to hold.
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

TRIES = 20
BETWEEN_TRIES_S = 3.0
"""Together a minute: the Docker engine may have died with us and be starting again."""


class Watch:
    """Held for as long as this process may leave something."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "arpo_engine.desktops.docker.watch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Let it look once more, and end."""
        assert self._process.stdin is not None, "asked for above"
        with contextlib.suppress(OSError):
            self._process.stdin.close()


def main() -> int:
    """Wait, then reap."""
    sys.stdin.buffer.read()
    for _ in range(TRIES):
        try:
            reap(connect())
        except DesktopLost as error:
            log.info("desktops cannot be removed yet", extra={"reason": str(error)})
            time.sleep(BETWEEN_TRIES_S)
        else:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
