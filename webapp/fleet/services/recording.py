"""What an engine's events mean for its desktops, its machines and the orders it was given. Called by ingest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import Count

from arpo_engine.contract import events as wire
from arpo_engine.contract.fleet import DesktopOrder, DesktopPhase, DesktopSeen, OrderAction
from webapp.bulk import clean_text, copy_upsert
from webapp.fleet.models import Desktop, Machine, Order
from webapp.runs.models import Run

DESKTOP_KEY: Final = ("run_id", "attempt", "name")
DESKTOP_STATE: Final = (
    "machine", "process", "phase", "since", "task_id", "episode_key", "step", "deadline", "failures",
    "failures_count", "note",
)  # fmt: skip
MACHINE_STATE: Final = ("cpu_percent", "cores", "memory_used_mb", "memory_total_mb", "disk_free_mb")
SHORT: Final = {
    DesktopPhase.RESETTING.value: "busy",
    DesktopPhase.THINKING.value: "busy",
    DesktopPhase.ACTING.value: "busy",
    DesktopPhase.SCORING.value: "busy",
    DesktopPhase.SPARE.value: "ready",
    DesktopPhase.STARTING.value: "starting",
    DesktopPhase.RESTARTING.value: "starting",
}
"""Phases in the four words of a curve over time; all others are out of service."""
MOST_AT_ONCE: Final = 20
"""Orders in one answer; the others follow when these are done."""


def record_events(run: Run, attempt: int, envelopes: Sequence[wire.Envelope]) -> None:
    """Write what these events say about desktops and machines; events of other kinds are passed over."""
    desktops: dict[str, DesktopSeen] = {}
    whole: set[str] | None = None
    machines: dict[str, dict[str, Any]] = {}
    for line in envelopes:
        if isinstance(line.event, wire.DesktopsSeen):
            named = {_name(seen.name): seen for seen in line.event.desktops}
            desktops |= named
            if line.event.whole:
                whole = set(named)
            elif whole is not None:
                whole |= set(named)
            for machine in line.event.machines:
                machines.setdefault(_name(machine.name), {})["draining"] = machine.draining
            _settle(run, attempt, line.event, line.at)
        elif isinstance(line.event, wire.HostSampled):
            load = {name: getattr(line.event, name) for name in MACHINE_STATE}
            machines.setdefault(_name(line.event.host), {}).update(load, sampled_at=line.at)
    _write_desktops(run, attempt, desktops)
    if whole is not None:  # what was expected and did not come, such as a smaller number on one machine
        Desktop.objects.filter(run=run, attempt=attempt).exclude(name__in=whole).delete()
    for name, values in machines.items():
        Machine.objects.update_or_create(run=run, attempt=attempt, name=name, defaults=values)


def desktop_counts(run: Run, attempt: int) -> dict[str, int]:
    """How many desktops of the attempt are busy, ready, starting, and out of service."""
    counts: dict[str, int] = {}
    by_phase = Desktop.objects.filter(run=run, attempt=attempt).values_list("phase").annotate(Count("id")).order_by()
    for phase, number in by_phase:
        word = SHORT.get(phase, "out")
        counts[word] = counts.get(word, 0) + number
    return counts


def orders_for(run: Run, attempt: int) -> list[DesktopOrder]:
    """What the attempt's engine should do and has not told the outcome of, oldest first."""
    waiting = Order.objects.filter(run=run, attempt=attempt, state=Order.State.WAITING).order_by("pk")
    return [
        DesktopOrder(id=str(order.pk), action=OrderAction(order.action), target=order.target)
        for order in waiting[:MOST_AT_ONCE]
    ]


def _name(text: str) -> str:
    """As the database can hold it."""
    return clean_text(text)[:200]


def _write_desktops(run: Run, attempt: int, desktops: dict[str, DesktopSeen]) -> None:
    rows = [
        (
            run.pk,
            attempt,
            name,
            _name(seen.machine),
            _name(seen.process),
            seen.phase.value,
            seen.since,
            _name(seen.task_id),
            clean_text(seen.episode_id)[:80],
            seen.step,
            seen.deadline,
            {fault.value: count for fault, count in seen.failures.items()},
            sum(seen.failures.values()),
            clean_text(seen.note),
        )
        for name, seen in desktops.items()
    ]
    copy_upsert(Desktop, (*DESKTOP_KEY, *DESKTOP_STATE), rows, unique=DESKTOP_KEY, update=DESKTOP_STATE)


def _settle(run: Run, attempt: int, event: wire.DesktopsSeen, at: datetime) -> None:
    for outcome in event.orders:
        if not outcome.id.isdecimal() or len(outcome.id) > 18:
            continue  # not an id that this console gave
        waiting = Order.objects.filter(run=run, attempt=attempt, pk=int(outcome.id), state=Order.State.WAITING)
        state = Order.State.DONE if outcome.done else Order.State.REFUSED
        waiting.update(state=state, outcome=clean_text(outcome.message), settled_at=at)
