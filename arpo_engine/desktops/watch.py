"""Looks at a pool while a run is on: tells the console what its desktops are at, and brings it the console's orders.

However fast desktops go from one thing to the next, one event every few seconds tells what changed, so that many of
them cost little. Knows the pool, its orders and a sink; knows no episodes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Self

from arpo_engine.contract.events import DesktopsSeen
from arpo_engine.contract.fleet import DesktopPhase
from arpo_engine.contract.reporting import EventSink
from arpo_engine.desktops.orders import Foreman
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.desktops.seats import ChangeLog, machines_of

log = logging.getLogger(__name__)

TICK_S = 0.5
"""How often orders and deadlines are looked at; telling is rarer."""
OVER = "the run has ended"


class PoolWatch:
    """Watches from `async with` to its end; the last event says that every desktop is gone."""

    def __init__(self, pool: DesktopPool, sink: EventSink, *, every_s: float) -> None:
        """`every_s`: shortest time between two events."""
        self._pool = pool
        self._sink = sink
        self._every_s = every_s
        self._foreman = Foreman(pool)
        self._changes = ChangeLog()
        self._told_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.look()
        self._task = asyncio.create_task(self._run(), name="pool-watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for slot in self._pool.slots:
            slot.turn(DesktopPhase.GONE, OVER)
        self._tell(whole=True)

    def look(self) -> None:
        """Carry out new orders, take back what is overdue, start and end desktops by need; now and then tell of it."""
        self._foreman.heed(self._sink.orders)
        self._pool.take_back_overdue()
        self._pool.fit()
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= self._every_s:
            first = self._told_at == float("-inf")
            self._told_at = now
            self._tell(whole=first)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(min(TICK_S, self._every_s))
            self.look()

    def _tell(self, *, whole: bool) -> None:
        desktops, machines = self._changes.changed(self._pool.slots)
        if whole:
            desktops = [seat.seen() for slot in self._pool.slots for seat in slot.seats]
            machines = machines_of(self._pool.slots)
        outcomes = self._foreman.outcomes()
        if desktops or machines or outcomes:
            self._sink.emit(DesktopsSeen(whole=whole, desktops=desktops, machines=machines, orders=outcomes))
