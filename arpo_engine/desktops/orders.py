"""Carries out what people order of a pool: drain a machine, restart, quarantine or release a desktop. Each once.

Orders come again and again until the console has heard the outcome, so an id that was seen is not carried out twice.
An order that would leave the run without any desktop is refused: the run would wait for ever, and could not even stop.
Knows the pool; knows no console.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from arpo_engine.contract.fleet import DesktopOrder, DesktopPhase, OrderAction, OrderOutcome
from arpo_engine.contract.outcomes import Fault
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.desktops.seats import Seat, Slot


class OrderRefused(Exception):
    """It is not carried out; the text says why and what would help."""


class Foreman:
    """Heeds orders, and remembers what came of each until that was told."""

    def __init__(self, pool: DesktopPool) -> None:
        self._pool = pool
        self._seen: set[str] = set()
        self._outcomes: list[OrderOutcome] = []
        self._how: dict[OrderAction, Callable[[str], str]] = {
            OrderAction.DRAIN: self._drain,
            OrderAction.UNDRAIN: self._undrain,
            OrderAction.RESTART: self._restart,
            OrderAction.QUARANTINE: self._quarantine,
            OrderAction.RELEASE: self._release,
        }

    def heed(self, orders: Sequence[DesktopOrder]) -> None:
        """Carry out the orders that are new, in their order."""
        for order in orders:
            if order.id in self._seen:
                continue
            self._seen.add(order.id)
            try:
                outcome = OrderOutcome(id=order.id, done=True, message=self._how[order.action](order.target))
            except OrderRefused as refusal:
                outcome = OrderOutcome(id=order.id, done=False, message=str(refusal))
            self._outcomes.append(outcome)

    def outcomes(self) -> list[OrderOutcome]:
        """What came of orders since this was asked last."""
        told, self._outcomes = self._outcomes, []
        return told

    def _drain(self, machine: str) -> str:
        slots = self._on(machine)
        if all(slot.draining for slot in slots):
            return f"{machine} takes no new episodes already"
        self._require_others(seat for slot in slots for seat in slot.seats)
        for slot in slots:
            slot.draining = True
            for index in self._idle(slot):
                self._pool.take_seat(slot, index)
        under_way = sum(seat.held for slot in slots for seat in slot.seats)
        return f"{machine} takes no new episodes; {under_way} under way finish there"

    def _undrain(self, machine: str) -> str:
        slots = [slot for slot in self._on(machine) if slot.draining]
        for slot in slots:
            slot.draining = False
            for index in self._idle(slot):
                self._pool.take_seat(slot, index)
        return f"{machine} takes new episodes again" if slots else f"{machine} was not being drained"

    def _restart(self, desktop: str) -> str:
        slot, _ = self._find(desktop)
        if slot.healing:
            return f"{slot.host.name} is being started again already"
        lost = sum(seat.held for seat in slot.seats)
        slot.failures = 0
        self._pool.renew(slot, Fault.DESKTOP_LOST, f"{slot.host.name} was restarted from the console")
        return f"{slot.host.name} with its {slot.host.size} desktops is started again; {lost} episodes begin anew"

    def _quarantine(self, desktop: str) -> str:
        slot, index = self._find(desktop)
        seat = slot.seats[index]
        if seat.barred:
            return f"{desktop} is in quarantine already"
        self._require_others([seat])
        held, seat.barred = seat.held, True
        if slot.runs:
            self._pool.take_seat(slot, index)
        return f"{desktop} is taken out{'; its episode begins anew on another one' if held else ''}"

    def _release(self, desktop: str) -> str:
        slot, index = self._find(desktop)
        if not slot.seats[index].barred:
            return f"{desktop} is in no quarantine that a person ordered"
        slot.seats[index].barred = False
        if slot.runs:
            self._pool.take_seat(slot, index)
        return f"{desktop} is used again"

    def _on(self, machine: str) -> list[Slot]:
        slots = [slot for slot in self._pool.slots if slot.host.machine == machine]
        if not slots:
            raise OrderRefused(f"this attempt has no desktop on {machine}; look at the page again")
        return slots

    def _find(self, desktop: str) -> tuple[Slot, int]:
        for slot in self._pool.slots:
            for index, seat in enumerate(slot.seats):
                if seat.name == desktop:
                    return slot, index
        raise OrderRefused(f"this attempt has no desktop {desktop}; look at the page again")

    def _idle(self, slot: Slot) -> list[int]:
        """Those that nobody holds in a process that runs: their standing offers are made anew, or not at all."""
        if not slot.runs:
            return []
        return [index for index, seat in enumerate(slot.seats) if not seat.held]

    def _require_others(self, taken: Iterable[Seat]) -> None:
        names = {seat.name for seat in taken}
        others = (
            seat
            for slot in self._pool.slots
            for seat in slot.seats
            if not (slot.given_up or slot.draining or seat.barred or seat.phase is DesktopPhase.GONE)
        )
        if all(seat.name in names for seat in others):
            raise OrderRefused(
                "these are the last desktops of the run that take episodes, and without one it could neither go on "
                "nor stop; pause or stop the run instead"
            )
