"""Tells the browsers what is new in a run: after the commit, at most five times a second, and only as a hint.

The table of events is the truth. A message carries the events themselves while they are few, so that no viewer has to
read the database; a consumer that missed one sees the hole in the cursors and reads it. Knows no socket.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import redis.exceptions
from channels.layers import get_channel_layer
from django.db import transaction

from webapp.runs.models import Run

INTERVAL_S: Final = 0.2
"""Messages of one run are at least this far apart; what comes in between travels together."""
MAX_EVENTS_INLINE: Final = 150
"""More than that in one message and the consumers read the database instead; the bus is for hints."""

Row = tuple[str, int, int, int, str, datetime, dict[str, Any]]
"""run, cursor, attempt, seq, kind, at, data"""

log = logging.getLogger(__name__)


def run_group(run_id: str) -> str:
    """Everybody who looks at this run's page."""
    return f"run.{run_id}"


def team_group(team_id: int) -> str:
    """Everybody who looks at this team's list of runs."""
    return f"team.{team_id}"


def as_message(row: Row) -> dict[str, Any]:
    """One event as the page receives it."""
    _, cursor, attempt, seq, kind, at, data = row
    return {"cursor": cursor, "attempt": attempt, "seq": seq, "at": at.isoformat(), "kind": kind, "data": data}


def announce_after_commit(run: Run, rows: Sequence[Row]) -> None:
    """Tell the run's and the team's viewers once the transaction is committed. Never blocks, never fails."""
    transaction.on_commit(partial(announce, run.pk, run.team_id, rows))


def announce(run_id: str, team_id: int, rows: Sequence[Row]) -> None:
    """Hand rows to this process's publisher."""
    _publisher_of_this_process().add(run_id, team_id, rows)


class Publisher:
    """One thread with one event loop and so one connection to the bus; coalesces what is new per run."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._waiting: dict[str, list[Row]] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="live-publisher", daemon=True).start()

    def add(self, run_id: str, team_id: int, rows: Sequence[Row]) -> None:
        """Send rows at once, or with the run's next message if the last one was a moment ago. From any thread."""
        self._loop.call_soon_threadsafe(self._add, run_id, team_id, list(rows))

    def _add(self, run_id: str, team_id: int, rows: list[Row]) -> None:
        waiting = self._waiting.get(run_id)
        if waiting is not None:
            waiting.extend(rows)
            return
        self._waiting[run_id] = []
        self._loop.create_task(self._send_then_wait(run_id, team_id, rows))

    async def _send_then_wait(self, run_id: str, team_id: int, rows: list[Row]) -> None:
        while rows:
            await _publish(run_id, team_id, rows)
            await asyncio.sleep(INTERVAL_S)
            rows, self._waiting[run_id] = self._waiting[run_id], []
        del self._waiting[run_id]


async def _publish(run_id: str, team_id: int, rows: list[Row]) -> None:
    rows.sort(key=lambda row: row[1])
    first, last = rows[0][1], rows[-1][1]
    whole = len(rows) <= MAX_EVENTS_INLINE and last - first + 1 == len(rows)
    events = [as_message(row) for row in rows] if whole else []
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS has a default"
    try:
        await layer.group_send(
            run_group(run_id), {"type": "run.advanced", "first": first, "cursor": last, "events": events}
        )
        await layer.group_send(team_group(team_id), {"type": "run.changed", "run": run_id})
    except (redis.exceptions.RedisError, OSError) as error:
        # Only a hint is lost: the next one, or the consumers' own look at the table, brings the events.
        log.warning("the live bus is away", extra={"run": run_id, "error": str(error)})


_lock = threading.Lock()
_publisher: Publisher | None = None


def _publisher_of_this_process() -> Publisher:
    """Threads do not survive a fork, so a Celery child that inherited a publisher makes its own."""
    global _publisher
    with _lock:
        if _publisher is None or _publisher.pid != os.getpid():
            _publisher = Publisher()
        return _publisher
