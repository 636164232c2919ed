"""Desktops for whoever needs one: lease, give back, and heal what was lost. Knows hosts; knows no tasks or agents.

A desktop process serves its desktops one after the other, so one that is stuck holds up the whole process: a timeout
ends the process, its other episodes see `DesktopLost` at once, and a fresh process takes its place.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from arpo_engine.contract.actions import SingleAction
from arpo_engine.contract.errors import DesktopLost, DesktopStuck
from arpo_engine.contract.events import FaultNoticed
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.host import Act, Answer, DesktopHost, Request, Reset, Score
from arpo_engine.types import Observation

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Slot:
    """A host and its health. `life` counts its processes: a seat of an earlier life is dead."""

    host: DesktopHost
    life: int = 0
    failures: int = 0
    """Deaths since an episode last went well on it."""
    given_up: bool = False


class Lease:
    """One desktop in the hands of one episode."""

    def __init__(self, pool: DesktopPool, slot: _Slot, index: int) -> None:
        self._pool = pool
        self._slot = slot
        self._life = slot.life
        self._index = index
        self.name = f"{slot.host.name}/{index}"

    async def reset(self, task: Task) -> Observation:
        """See `Desktop.reset`."""
        return _seen(await self._ask(Reset(task), self._pool.reset_timeout_s))

    async def step(self, action: SingleAction) -> Observation:
        """See `Desktop.step`."""
        return _seen(await self._ask(Act(action), self._pool.step_timeout_s))

    async def score(self, last_action: SingleAction | None) -> float:
        """See `Desktop.score`."""
        answer = await self._ask(Score(last_action), self._pool.step_timeout_s)
        if not isinstance(answer, float | int):
            raise DesktopLost(f"{self.name} answered a score with {type(answer).__name__}; its program is broken")
        return float(answer)

    @property
    def alive(self) -> bool:
        """Whether its process is still the one that the lease was given for."""
        return self._life == self._slot.life and not self._slot.given_up

    async def _ask(self, request: Request, timeout_s: float) -> Answer:
        if not self.alive:
            raise DesktopLost(f"{self.name} was lost with its process")
        try:
            async with asyncio.timeout(timeout_s):
                return await self._slot.host.call(self._index, request)
        except TimeoutError as error:
            message = f"{self.name} did not answer a {type(request).__name__.lower()} within {timeout_s:g} s"
            self._pool.lost(self._slot, self._life, Fault.DESKTOP_STUCK, message)
            raise DesktopStuck(message) from error
        except DesktopLost as error:
            self._pool.lost(self._slot, self._life, Fault.DESKTOP_LOST, str(error))
            raise


class DesktopPool:
    """Leases healthy desktops; a lost process is replaced in the background while others go on."""

    def __init__(
        self,
        hosts: Sequence[DesktopHost],
        *,
        reset_timeout_s: float,
        step_timeout_s: float,
        restarts: int,
        sink: EventSink,
    ) -> None:
        self.reset_timeout_s = reset_timeout_s
        self.step_timeout_s = step_timeout_s
        self._restarts = restarts
        self._sink = sink
        self._slots = [_Slot(host) for host in hosts]
        self._free: deque[Lease] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._healing: set[asyncio.Task[None]] = set()
        for slot in self._slots:
            self._seat(slot)

    @property
    def size(self) -> int:
        """Desktops that are not given up."""
        return sum(slot.host.size for slot in self._slots if not slot.given_up)

    async def lease(self) -> Lease:
        """A healthy desktop, as soon as there is one.

        Raises:
            DesktopLost: all processes of desktops were given up.
        """
        while True:
            while self._free:
                lease = self._free.popleft()
                if lease.alive:
                    return lease
            if not self.size:
                raise DesktopLost(
                    f"no desktop is left: each of the {len(self._slots)} desktop processes died more than "
                    f"{self._restarts} times in a row; run `python -m arpo_engine preflight` to see why"
                )
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake(1)  # its turn had come; the next in line takes it
                raise

    def give_back(self, lease: Lease) -> None:
        """Return a desktop; one whose process died meanwhile is dropped, as its successor is already coming."""
        if lease.alive:
            lease._slot.failures = 0
            self._free.append(lease)
            self._wake(1)

    def lost(self, slot: _Slot, life: int, fault: Fault, message: str) -> None:
        """Note a loss once per process, and start its replacement."""
        if slot.life != life or slot.given_up:
            return
        slot.life += 1
        slot.failures += 1
        task = asyncio.get_running_loop().create_task(self._heal(slot, fault, message))
        self._healing.add(task)
        task.add_done_callback(self._healing.discard)

    async def close(self) -> None:
        """End every process."""
        for task in list(self._healing):
            task.cancel()
        await asyncio.gather(*self._healing, return_exceptions=True)
        await asyncio.gather(*(slot.host.close() for slot in self._slots))

    async def _heal(self, slot: _Slot, fault: Fault, message: str) -> None:
        reason = message
        while slot.failures <= self._restarts:
            try:
                await slot.host.restart()
            except DesktopLost as error:
                reason = str(error)
                slot.failures += 1
                continue
            self._notice(fault, slot, f"{message}; its {slot.host.size} desktops were started again in a new process")
            self._seat(slot)
            return
        slot.given_up = True
        self._notice(fault, slot, f"{reason}; died {slot.failures} times in a row, so its desktops are given up")
        self._wake(len(self._waiting))

    def _seat(self, slot: _Slot) -> None:
        self._free.extend(Lease(self, slot, index) for index in range(slot.host.size))
        self._wake(slot.host.size)

    def _wake(self, count: int) -> None:
        while count and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                count -= 1

    def _notice(self, fault: Fault, slot: _Slot, message: str) -> None:
        log.warning("desktops lost", extra={"desktop": slot.host.name, "fault": fault.value, "reason": message})
        self._sink.emit(FaultNoticed(fault=fault, desktop=slot.host.name, message=message))


def _seen(answer: Answer) -> Observation:
    if not isinstance(answer, Observation):
        raise DesktopLost(f"a desktop answered with {type(answer).__name__}, not a screenshot; its program is broken")
    return answer
