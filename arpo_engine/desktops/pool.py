"""Desktops for whoever needs one: lease, give back, and heal what was lost. Knows hosts; knows no tasks or agents.

A desktop process serves its desktops one after the other, so one that is stuck holds up the whole process: a timeout
ends the process, its other episodes see `DesktopLost` at once, and a fresh process takes its place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from arpo_engine.contract.actions import SingleAction
from arpo_engine.contract.errors import DesktopLost, DesktopStuck, SetupFailed
from arpo_engine.contract.events import FaultNoticed
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.host import Act, Answer, DesktopHost, Request, Reset, Score
from arpo_engine.desktops.queue import DesktopQueue
from arpo_engine.types import Observation

log = logging.getLogger(__name__)

RESTART_TIMEOUT_S = 180.0
"""Longest wait for a process to come up again. Executors give up sooner by themselves; this holds for any of them."""


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
        self._ready: tuple[str, Observation] | None = None
        self.name = f"{slot.host.name}/{index}"

    async def reset(self, task: Task) -> Observation:
        """See `Desktop.reset`; at once, if the desktop was prepared for this task."""
        ready, self._ready = self._ready, None
        if ready is not None and ready[0] == task.id:
            return ready[1]
        return _seen(await self._ask(Reset(task), self._pool.reset_timeout_s))

    async def prepare(self, task: Task) -> None:
        """Reset the desktop for a task that somebody will bring later."""
        self._ready = (task.id, await self.reset(task))

    @property
    def prepared_for(self) -> str | None:
        """Id of the task that the desktop stands ready for."""
        return self._ready[0] if self._ready is not None else None

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
        self._queue = DesktopQueue[Lease]()
        self._healing: set[asyncio.Task[None]] = set()
        for slot in self._slots:
            self._seat(slot)

    @property
    def size(self) -> int:
        """Desktops that are not given up."""
        return sum(slot.host.size for slot in self._slots if not slot.given_up)

    async def lease(self, task: Task | None = None) -> Lease:
        """A healthy desktop, as soon as there is one; at best one that stands ready for the task.

        Raises:
            DesktopLost: all processes of desktops were given up.
        """
        while self.size:
            lease = await self._queue.take(task.id if task is not None else None)
            if lease is not None and lease.alive:
                return lease
        raise DesktopLost(
            f"no desktop is left: each of the {len(self._slots)} desktop processes died more than "
            f"{self._restarts} times in a row; run `python -m arpo_engine preflight` to see why"
        )

    async def lease_idle(self) -> Lease | None:
        """A desktop that nobody else wants, to be prepared; None when none is left at all."""
        while self.size:
            lease = await self._queue.take_idle()
            if lease is not None and lease.alive:
                return lease
        return None

    async def prepare(self, lease: Lease, task: Task) -> None:
        """Reset a leased desktop for a task that comes next, and give it back; what fails is met by whoever comes."""
        self._queue.begin_preparing(task.id)
        try:
            await lease.prepare(task)
        except (DesktopLost, SetupFailed) as error:
            log.info("desktop could not be prepared", extra={"desktop": lease.name, "reason": str(error)})
        finally:
            self.give_back(lease)
            self._queue.end_preparing(task.id)

    def give_back(self, lease: Lease) -> None:
        """Return a desktop; one whose process died meanwhile is dropped, as its successor is already coming."""
        if lease.alive:
            lease._slot.failures = 0
            self._queue.offer(lease)

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
                async with asyncio.timeout(RESTART_TIMEOUT_S):
                    await slot.host.restart()
            except (DesktopLost, TimeoutError) as error:
                reason = str(error) or f"{slot.host.name} did not start again within {RESTART_TIMEOUT_S:g} s"
                slot.failures += 1
                continue
            self._notice(fault, slot, f"{message}; its {slot.host.size} desktops were started again in a new process")
            self._seat(slot)
            return
        slot.given_up = True
        self._notice(fault, slot, f"{reason}; died {slot.failures} times in a row, so its desktops are given up")
        self._queue.wake_all()

    def _seat(self, slot: _Slot) -> None:
        for index in range(slot.host.size):
            self._queue.offer(Lease(self, slot, index))

    def _notice(self, fault: Fault, slot: _Slot, message: str) -> None:
        log.warning("desktops lost", extra={"desktop": slot.host.name, "fault": fault.value, "reason": message})
        self._sink.emit(FaultNoticed(fault=fault, desktop=slot.host.name, message=message))


def _seen(answer: Answer) -> Observation:
    if not isinstance(answer, Observation):
        raise DesktopLost(f"a desktop answered with {type(answer).__name__}, not a screenshot; its program is broken")
    return answer
