"""Who gets which free desktop: those that wait, in their order; a desktop that is prepared goes where it is of use.

A desktop that nobody needs may be reset for a task that comes next. It is then free like any other, and remembers what
it was reset for: whoever brings that task finds it ready, whoever brings another may still take it if nothing else is
free. So nothing that is prepared ever holds up anybody. Knows no processes and no healing.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Preparable(Protocol):
    """A free desktop, as far as this queue looks at it."""

    @property
    def alive(self) -> bool:
        """Whether it can still be used."""
        ...

    @property
    def prepared_for(self) -> str | None:
        """Id of the task that it was reset for and that nobody has begun yet."""
        ...


T = TypeVar("T", bound=Preparable)


@dataclass(slots=True)
class _Waiter(Generic[T]):
    task_id: str | None
    turn: asyncio.Future[T | None]


class DesktopQueue(Generic[T]):
    """Free desktops, and those who wait for one. Hands over directly, so that nobody jumps the queue."""

    def __init__(self) -> None:
        self._free: deque[T] = deque()
        self._waiting: deque[_Waiter[T]] = deque()
        self._idle: deque[asyncio.Future[T | None]] = deque()
        """Those who want a desktop only to prepare it."""
        self._preparing: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """Episodes that wait for a desktop; whoever only wants to prepare one is not among them."""
        return sum(not waiter.turn.done() for waiter in self._waiting)

    async def take(self, task_id: str | None) -> T | None:
        """A free desktop, at best one that is prepared for the task; None when `wake_all` was called meanwhile."""
        lease = self._pick(task_id)
        if lease is not None:
            return lease
        waiter = _Waiter[T](task_id, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        return await self._wait(waiter.turn)

    async def take_idle(self) -> T | None:
        """A free desktop that is not prepared yet, once nobody else wants it; None after `wake_all`."""
        for lease in self._free:
            if lease.alive and lease.prepared_for is None:
                self._free.remove(lease)
                return lease
        turn: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._idle.append(turn)
        return await self._wait(turn)

    def offer(self, lease: T) -> None:
        """A desktop became free."""
        if not lease.alive:
            return
        waiter = self._next_for(lease)
        if waiter is not None:
            waiter.turn.set_result(lease)
            return
        while self._idle and lease.prepared_for is None:
            turn = self._idle.popleft()
            if not turn.done():
                turn.set_result(lease)
                return
        self._free.append(lease)

    def begin_preparing(self, task_id: str) -> None:
        """A desktop is being reset for a task; who brings that task may wait for it."""
        self._preparing[task_id] += 1

    def end_preparing(self, task_id: str) -> None:
        """It is done, or it failed: who waited for it takes what else there is."""
        self._preparing[task_id] -= 1
        for waiter in list(self._waiting):
            lease = None if waiter.turn.done() else self._pick(waiter.task_id, waiting=waiter)
            if lease is not None:
                self._waiting.remove(waiter)
                waiter.turn.set_result(lease)

    def wake_all(self) -> None:
        """Tell everybody who waits to look again whether there is anything to wait for."""
        turns = [waiter.turn for waiter in self._waiting] + list(self._idle)
        self._waiting.clear()
        self._idle.clear()
        for turn in turns:
            if not turn.done():
                turn.set_result(None)

    async def _wait(self, turn: asyncio.Future[T | None]) -> T | None:
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and (lease := turn.result()) is not None:
                self.offer(lease)  # its turn had come; the next in line takes it
            raise

    def _pick(self, task_id: str | None, *, waiting: _Waiter[T] | None = None) -> T | None:
        """The free desktop that suits best, taken out; None where it is better, or necessary, to wait."""
        self._free = deque(lease for lease in self._free if lease.alive)
        chosen = next((lease for lease in self._free if task_id and lease.prepared_for == task_id), None)
        if chosen is None:
            chosen = next((lease for lease in self._free if lease.prepared_for is None), None)
        if chosen is None and self._free and not self._comes(task_id, waiting):
            chosen = self._free[0]
        if chosen is not None:
            self._free.remove(chosen)
        return chosen

    def _comes(self, task_id: str | None, waiting: _Waiter[T] | None) -> bool:
        """Whether a desktop is being prepared for the task that nobody before us waits for."""
        if task_id is None:
            return False
        before = 0
        for waiter in self._waiting:
            if waiter is waiting:
                break
            before += waiter.task_id == task_id and not waiter.turn.done()
        return self._preparing[task_id] > before

    def _next_for(self, lease: T) -> _Waiter[T] | None:
        self._waiting = deque(waiter for waiter in self._waiting if not waiter.turn.done())
        if not self._waiting:
            return None
        wanted = lease.prepared_for
        suited = (waiter for waiter in self._waiting if wanted is not None and waiter.task_id == wanted)
        waiter = next(suited, self._waiting[0])
        self._waiting.remove(waiter)
        return waiter
