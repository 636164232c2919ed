"""How many desktops a pool keeps: more processes while episodes wait, fewer once they idle, between two bounds.

Knows slots and how many wait; knows no tasks and no providers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.contract.fleet import DesktopPhase
from arpo_engine.contract.outcomes import Fault
from arpo_engine.desktops.seats import Slot

log = logging.getLogger(__name__)

START_TIMEOUT_S = 240.0
"""Longest wait for a process to come up. Executors give up sooner by themselves; this holds for any of them."""
NOT_NEEDED = "not started, as fewer desktops are needed now; it is started when episodes wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Between which a pool grows and shrinks; the upper one is all of its hosts."""

    least: int
    """Desktops that stay, whether anybody wants them or not."""
    idle_s: float = 60.0
    """Seconds that a process of desktops idles until it is ended; also the pause after one that did not start."""


class Tidal(Protocol):
    """The pool, as far as it is asked from here."""

    @property
    def slots(self) -> Sequence[Slot]:
        """All processes of desktops, those that sleep among them."""
        ...

    @property
    def waiting(self) -> int:
        """Episodes that wait for a desktop."""
        ...

    def seat(self, slot: Slot) -> None:
        """Its process is there."""
        ...

    def give_up(self, slot: Slot, fault: Fault, reason: str) -> None:
        """Try no more to start it."""
        ...

    def notice(self, fault: Fault, slot: Slot, message: str) -> None:
        """Tell people of a fault."""
        ...

    def tell(self, message: str) -> None:
        """Tell people of something that is no fault."""
        ...

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin something that ends with the pool."""
        ...


def needed(sizes: Sequence[int], least: int) -> int:
    """How many of the first processes together hold `least` desktops."""
    held = 0
    for number, size in enumerate(sizes):
        if held >= least:
            return number
        held += size
    return len(sizes)


async def start(slot: Slot) -> str:
    """Start its process; why that failed, or nothing where it came up.

    Whatever a provider raises is a desktop that did not come up: an error that nobody thought of must neither end the
    run nor leave a desktop that is neither there nor given up.
    """
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            await slot.host.restart()
    except (DesktopLost, TimeoutError) as error:
        return str(error) or f"{slot.host.name} did not start within {START_TIMEOUT_S:g} s"
    except Exception as error:
        log.exception("desktops did not start", extra={"desktop": slot.host.name})
        return f"{slot.host.name} did not start: {type(error).__name__}: {error}"
    return ""


class Tides:
    """Wakes and ends the processes of one pool."""

    def __init__(self, pool: Tidal, bounds: Bounds, restarts: int) -> None:
        self._pool = pool
        self._bounds = bounds
        self._restarts = restarts
        self._idle_since: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        """When one that did not start may be tried again, by the event loop's clock."""

    def awake_at_first(self) -> Sequence[Slot]:
        """The slots whose processes the executor has started; the others sleep."""
        slots = self._pool.slots
        awake = needed([slot.host.size for slot in slots], self._bounds.least)
        for slot in slots[awake:]:
            self._lay_down(slot)
        return slots[:awake]

    def look(self) -> None:
        """Wake what waiting episodes need; end what nobody has needed for long."""
        if self._bounds.least >= sum(slot.host.size for slot in self._pool.slots):
            return
        now = asyncio.get_running_loop().time()
        self._grow(now)
        self._shrink(now)

    def _grow(self, now: float) -> None:
        waiting = self._pool.waiting
        missing = waiting - sum(_usable(slot) for slot in self._pool.slots if slot.healing)
        for slot in self._pool.slots:
            rests = self._not_before.get(slot.host.name, now) > now
            if missing > 0 and slot.asleep and not slot.draining and not rests and _usable(slot):
                missing -= _usable(slot)
                slot.asleep, slot.healing = False, True
                slot.turn(DesktopPhase.STARTING, f"{waiting} episodes wait for a desktop")
                self._pool.in_background(self._wake(slot, waiting))

    async def _wake(self, slot: Slot, waiting: int) -> None:
        problem = await start(slot)
        if not problem:
            slot.failures = 0
            self._pool.seat(slot)
            self._pool.tell(f"{slot.host.name}: {slot.host.size} more desktops, as {waiting} episodes waited")
            return
        slot.failures += 1
        if slot.failures > self._restarts:
            self._pool.give_up(slot, Fault.DESKTOP_LOST, problem)
            return
        self._not_before[slot.host.name] = asyncio.get_running_loop().time() + self._bounds.idle_s
        self._lay_down(slot, problem)
        again = f"it was to serve episodes that wait, and is tried again in {self._bounds.idle_s:g} s"
        self._pool.notice(Fault.DESKTOP_LOST, slot, f"{problem}; {again}")

    def _shrink(self, now: float) -> None:
        awake = sum(slot.host.size for slot in self._pool.slots if slot.runs and not slot.draining)
        # The last are started last, so they are ended first.
        for slot in reversed(self._pool.slots):
            name = slot.host.name
            if self._pool.waiting or not _idles(slot):
                self._idle_since.pop(name, None)
                continue
            since = self._idle_since.setdefault(name, now)
            if now - since >= self._bounds.idle_s and awake - slot.host.size >= self._bounds.least:
                awake -= slot.host.size
                del self._idle_since[name]
                slot.life += 1
                self._lay_down(slot)
                self._pool.tell(f"{name}: {slot.host.size} desktops fewer, idle for {self._bounds.idle_s:g} s")
                self._pool.in_background(slot.host.close())

    def _lay_down(self, slot: Slot, why: str = "") -> None:
        slot.healing, slot.asleep = False, True
        slot.turn(DesktopPhase.ASLEEP, why or NOT_NEEDED)


def _idles(slot: Slot) -> bool:
    """Whether nobody has any of its desktops, nor will soon: one that is prepared for a task is waited for."""
    return slot.runs and all(seat.phase is DesktopPhase.SPARE and not seat.task_id for seat in slot.seats)


def _usable(slot: Slot) -> int:
    """Desktops that episodes get once its process is there: those that no person took out."""
    return sum(not seat.barred for seat in slot.seats)
