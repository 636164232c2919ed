"""What is known about each desktop of a pool: what it is at, since when, what went wrong, who may have it.

Plain bookkeeping, told to people as `DesktopSeen`. Knows no queue, no process and no sink.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from arpo_engine.contract.fleet import DesktopPhase, DesktopSeen, MachineSeen
from arpo_engine.contract.outcomes import Fault
from arpo_engine.desktops.host import DesktopHost

BARRED = "taken out from the console; release it to use it again"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Seat:
    """One desktop. `term` counts whom it was taken from: a lease of an earlier term is dead."""

    name: str
    machine: str
    process: str
    phase: DesktopPhase = DesktopPhase.STARTING
    since: datetime = field(default_factory=_now)
    task_id: str = ""
    episode_id: str = ""
    step: int | None = None
    deadline: datetime | None = None
    note: str = ""
    failures: Counter[Fault] = field(default_factory=Counter)
    term: int = 0
    held: bool = False
    """An episode has it, or it is being prepared."""
    barred: bool = False
    """A person took it out; it stays out until it is released."""

    def turn(self, phase: DesktopPhase, note: str = "") -> None:
        """It is at something else now; outside of a lease it is at no task, but for one that it stands ready for."""
        if phase is not self.phase:
            self.since = _now()
        self.phase, self.note = phase, note

    def empty(self, ready_for: str = "") -> None:
        """Nobody has it any more; `ready_for` is the task that it was prepared for."""
        self.held = False
        self.task_id, self.episode_id, self.step, self.deadline = ready_for, "", None, None

    def hold_for(self, seconds: float | None) -> None:
        """For people: when its lease is taken back."""
        self.deadline = None if seconds is None else _now() + timedelta(seconds=seconds)

    def seen(self) -> DesktopSeen:
        """It as it is now."""
        return DesktopSeen(
            name=self.name,
            machine=self.machine,
            process=self.process,
            phase=self.phase,
            since=self.since,
            task_id=self.task_id,
            episode_id=self.episode_id,
            step=self.step,
            deadline=self.deadline,
            failures=dict(self.failures),
            note=self.note,
        )


@dataclass(slots=True)
class Slot:
    """A host, its health and its desktops. `life` counts its processes: a lease of an earlier life is dead."""

    host: DesktopHost
    seats: list[Seat] = field(init=False)
    life: int = 0
    failures: int = 0
    """Deaths since an episode last went well on it."""
    given_up: bool = False
    healing: bool = False
    """Its process is being started, for the first time or again."""
    asleep: bool = False
    """It has no process, because fewer desktops are needed now; `tides.py` wakes it."""
    draining: bool = False

    def __post_init__(self) -> None:
        shared = self.host.name if self.host.size > 1 else ""
        self.seats = [
            Seat(name=f"{self.host.name}/{index}", machine=self.host.machine, process=shared)
            for index in range(self.host.size)
        ]

    @property
    def runs(self) -> bool:
        """Whether it has a process that answers, as far as is known."""
        return not (self.healing or self.given_up or self.asleep)

    def turn(self, phase: DesktopPhase, note: str = "") -> None:
        """All of its desktops are at this now, whoever had them."""
        for seat in self.seats:
            seat.empty()
            seat.turn(phase, note)


class ChangeLog:
    """Remembers what was told of each desktop and machine, so that only what changed is told again."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[object, ...]] = {}

    def changed(self, slots: Iterable[Slot]) -> tuple[list[DesktopSeen], list[MachineSeen]]:
        """Desktops and machines that differ from what was told, told with this.

        A desktop that went through other phases and is back at the same one counts as unchanged: a person who looks
        every few seconds would see no difference.
        """
        slots = list(slots)
        desktops = [seat.seen() for slot in slots for seat in slot.seats if self._is_news(seat.name, _essence(seat))]
        machines = [seen for seen in machines_of(slots) if self._is_news(f"machine {seen.name}", (seen.draining,))]
        return desktops, machines

    def _is_news(self, name: str, essence: tuple[object, ...]) -> bool:
        if self._told.get(name) == essence:
            return False
        self._told[name] = essence
        return True


def machines_of(slots: Sequence[Slot]) -> list[MachineSeen]:
    """The machines that the desktops are on; one drains when all of its processes do. What was never started on a
    cluster is on none yet."""
    names = dict.fromkeys(slot.host.machine for slot in slots if slot.host.machine)
    return [
        MachineSeen(name=name, draining=all(slot.draining for slot in slots if slot.host.machine == name))
        for name in names
    ]


def _essence(seat: Seat) -> tuple[object, ...]:
    # The deadline moves with every wait of a pace, and `since` with every change back and forth.
    place = (seat.machine, seat.phase, seat.task_id, seat.episode_id, seat.step, seat.deadline is None)
    return (*place, seat.note, seat.failures.total())
