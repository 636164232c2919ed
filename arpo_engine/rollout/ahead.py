"""Desktops that nobody needs are reset for the tasks that come next, while the last episodes and the learner are busy.

A hint and nothing more: a task that is prepared in vain costs a reset, and whoever needs the desktop takes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pool import DesktopPool


class Ahead:
    """Prepares desktops in the background, from `prepare` until `stop`."""

    def __init__(self, pool: DesktopPool) -> None:
        self._pool = pool
        self._waiting: set[asyncio.Task[None]] = set()
        """Those that have no desktop yet."""
        self._resetting: set[asyncio.Task[None]] = set()

    def prepare(self, tasks: Iterable[Task]) -> None:
        """Reset a desktop for each task, as soon as one is idle; at most as many as there are desktops."""
        for task, _ in zip(tasks, range(self._pool.size), strict=False):
            work = asyncio.get_running_loop().create_task(self._one(task))
            self._waiting.add(work)
            work.add_done_callback(self._forget)

    def stop(self) -> None:
        """Prepare no more; what is being reset is brought to its end, as somebody comes for it now."""
        for work in self._waiting:
            work.cancel()

    async def close(self) -> None:
        """Leave everything as it is."""
        every = [*self._waiting, *self._resetting]
        for work in every:
            work.cancel()
        await asyncio.gather(*every, return_exceptions=True)

    async def _one(self, task: Task) -> None:
        lease = await self._pool.lease_idle()
        if lease is None:
            return
        work = asyncio.current_task()
        assert work is not None, "this runs as a task"
        self._waiting.discard(work)
        self._resetting.add(work)
        await self._pool.prepare(lease, task)

    def _forget(self, work: asyncio.Task[None]) -> None:
        self._waiting.discard(work)
        self._resetting.discard(work)
        if not work.cancelled():
            work.result()
