"""Desktops for whoever needs one: lease, give back, and heal what was lost. Knows hosts; knows no tasks or agents.

A desktop process serves its desktops one after the other, so one that is stuck holds up the whole process: a timeout
ends the process, its other episodes see `DesktopLost` at once, and a fresh process takes its place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

from arpo_engine.contract.errors import DesktopLost, SetupFailed
from arpo_engine.contract.events import FaultNoticed
from arpo_engine.contract.fleet import DesktopPhase
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.host import DesktopHost
from arpo_engine.desktops.lease import Lease
from arpo_engine.desktops.queue import DesktopQueue
from arpo_engine.desktops.seats import BARRED, Slot

log = logging.getLogger(__name__)

RESTART_TIMEOUT_S = 180.0
"""Longest wait for a process to come up again. Executors give up sooner by themselves; this holds for any of them."""


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
        wakes: bool = False,
    ) -> None:
        """`wakes`: desktops are paused while the model thinks, so that one which is given back may have to be woken."""
        self.reset_timeout_s = reset_timeout_s
        self.step_timeout_s = step_timeout_s
        self._restarts = restarts
        self._sink = sink
        self._wakes = wakes
        self.slots = [Slot(host) for host in hosts]
        self._queue = DesktopQueue[Lease]()
        self._work: set[asyncio.Task[None]] = set()
        """What goes on in the background: processes that are started again, desktops that are woken."""
        self._held: set[Lease] = set()
        for slot in self.slots:
            self._seat(slot)

    @property
    def size(self) -> int:
        """Desktops that episodes may have: neither given up nor taken out by a person."""
        usable = [slot for slot in self.slots if not (slot.given_up or slot.draining)]
        return sum(not seat.barred for slot in usable for seat in slot.seats)

    async def lease(self, task: Task | None = None) -> Lease:
        """A healthy desktop, as soon as there is one; at best one that stands ready for the task.

        Raises:
            DesktopLost: all processes of desktops were given up, but for what a person took out.
        """
        while self.size:
            lease = await self._queue.take(task.id if task is not None else None)
            if lease is not None and lease.alive:
                return self._hand_out(lease)
        dead = [slot for slot in self.slots if slot.given_up]
        others = "" if len(dead) == len(self.slots) else ", and the others are drained or in quarantine"
        raise DesktopLost(
            f"no desktop is left: each of {len(dead)} desktop processes died more than {self._restarts} times in a "
            f"row{others}; run `python -m arpo_engine preflight` to see why"
        )

    async def lease_idle(self) -> Lease | None:
        """A desktop that nobody else wants, to be prepared; None when none is left at all."""
        while self.size:
            lease = await self._queue.take_idle()
            if lease is not None and lease.alive:
                return self._hand_out(lease)
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
        """Return a desktop; one that was lost or taken out meanwhile is dropped, as its successor is already coming."""
        self._held.discard(lease)
        lease.expires = None
        if lease.alive:
            lease.slot.failures = 0
            if self._wakes:
                self._begin(self._wake_and_free(lease))
            else:
                self._free(lease)

    def lost(self, slot: Slot, life: int, fault: Fault, message: str) -> None:
        """Note a loss once per process, and start its replacement."""
        if slot.life != life or slot.given_up:
            return
        slot.failures += 1
        self.renew(slot, fault, message)

    def renew(self, slot: Slot, fault: Fault, message: str) -> None:
        """End a process for this reason and start another in its place; whoever holds a desktop in it loses it."""
        slot.life += 1
        slot.given_up, slot.healing = False, True
        slot.turn(DesktopPhase.QUARANTINED, message)
        self._begin(self._heal(slot, fault, message))

    def take_back_overdue(self) -> None:
        """Declare stuck what is held past its deadline: its episode should have ended by itself long before."""
        now = asyncio.get_running_loop().time()
        for lease in [lease for lease in self._held if lease.expires is not None and lease.expires < now]:
            self._held.discard(lease)
            if lease.alive:
                lease.seat.failures[Fault.DESKTOP_STUCK] += 1
                message = f"{lease.name} was not given back by the deadline of its lease"
                self.lost(lease.slot, lease.slot.life, Fault.DESKTOP_STUCK, message)

    def take_seat(self, slot: Slot, index: int) -> None:
        """Make a desktop of a live process free again, in a new term; unless a person took it or its machine out."""
        seat = slot.seats[index]
        seat.term += 1
        seat.empty()
        if seat.barred:
            seat.turn(DesktopPhase.QUARANTINED, BARRED)
        else:
            self._free(Lease(self, slot, index))

    async def close(self) -> None:
        """End every process."""
        for task in list(self._work):
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await asyncio.gather(*(slot.host.close() for slot in self.slots))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _wake_and_free(self, lease: Lease) -> None:
        """A lease ends: its desktop is left paused by nobody. One that cannot be woken is lost, as any other."""
        try:
            await lease.wake()
        except DesktopLost as error:
            log.info("a desktop could not be woken", extra={"desktop": lease.name, "reason": str(error)})
        if lease.alive:
            self._free(lease)

    async def _heal(self, slot: Slot, fault: Fault, message: str) -> None:
        reason = message
        slot.turn(DesktopPhase.RESTARTING, message)
        while slot.failures <= self._restarts:
            try:
                async with asyncio.timeout(RESTART_TIMEOUT_S):
                    await slot.host.restart()
            except (DesktopLost, TimeoutError) as error:
                reason = str(error) or f"{slot.host.name} did not start again within {RESTART_TIMEOUT_S:g} s"
                slot.failures += 1
                slot.turn(DesktopPhase.RESTARTING, reason)
                continue
            slot.healing = False
            self._notice(fault, slot, f"{message}; its {slot.host.size} desktops were started again in a new process")
            self._seat(slot)
            return
        slot.given_up, slot.healing = True, False
        given_up = f"{reason}; died {slot.failures} times in a row, so its desktops are given up"
        slot.turn(DesktopPhase.GONE, given_up)
        self._notice(fault, slot, given_up)
        self._queue.wake_all()

    def _seat(self, slot: Slot) -> None:
        for index, seat in enumerate(slot.seats):
            seat.machine = slot.host.machine
            self.take_seat(slot, index)

    def _hand_out(self, lease: Lease) -> Lease:
        lease.seat.held = True
        lease.seat.turn(DesktopPhase.RESETTING)
        self._held.add(lease)
        return lease

    def _free(self, lease: Lease) -> None:
        """Nobody has it: it is for whoever comes, or stands by while its machine is being drained."""
        lease.seat.empty(lease.prepared_for or "")
        lease.seat.turn(DesktopPhase.DRAINED if lease.slot.draining else DesktopPhase.SPARE)
        if not lease.slot.draining:
            self._queue.offer(lease)

    def _notice(self, fault: Fault, slot: Slot, message: str) -> None:
        log.warning("desktops lost", extra={"desktop": slot.host.name, "fault": fault.value, "reason": message})
        self._sink.emit(FaultNoticed(fault=fault, desktop=slot.host.name, message=message))
