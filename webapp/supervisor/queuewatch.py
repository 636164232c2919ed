"""Notices a worker that lives but takes nothing, as workers have been seen to do after their broker was away.

Every task is short, so a healthy worker empties its queue at once; one that stays long has nobody who takes from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import redis

from webapp.counted import counted

QUEUE: Final = "arpo.celery"
"""Celery's default queue with the prefix of our settings."""
LONG: Final = 10
FOR_S: Final = 120.0
LOOK_EVERY_S: Final = 15.0


class QueueWatch:
    """Looks at the queue's length now and then."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=2)
        self._clock = clock
        self._long_since: float | None = None
        self._look_at = 0.0

    def __call__(self) -> str:
        """Why the worker should be started again; empty while it need not be."""
        now = self._clock()
        if now < self._look_at:
            return ""
        self._look_at = now + LOOK_EVERY_S
        length = self._length()
        if length < LONG:
            self._long_since = None
        elif self._long_since is None:
            self._long_since = now
        elif now - self._long_since > FOR_S:
            self._long_since = None
            waited = f"{counted(length, 'task')} {'has' if length == 1 else 'have'} waited"
            return f"{waited} for more than {FOR_S:.0f} s and it takes none"
        return ""

    def _length(self) -> int:
        try:
            return int(self._client.llen(QUEUE))
        except redis.RedisError:
            return 0  # the bus itself is down; that is told elsewhere
