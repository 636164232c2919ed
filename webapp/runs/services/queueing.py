"""The order of a team's queue, and whether it starts anything. What teams have among all runs, no reordering changes.

A run that is moved takes the priority of those it comes to stand among, and the team's runs of that priority exchange
their places among themselves; so nobody overtakes another team by it, but for a change of priority, which is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import PermissionRefused, require_role
from webapp.accounts.services import record
from webapp.runs.errors import QueueChanged, RunRefused
from webapp.runs.journal import append_console_event
from webapp.runs.models import Run, RunStatus
from webapp.runs.planning_models import QueueHold
from webapp.runs.queue import DISPATCH_RUNS, enqueue
from webapp.runs.queueing import state
from webapp.runs.queueing.rules import decide
from webapp.runs.services.control import locked, request_stop, resume_run

Step = Literal["top", "up", "down", "bottom"]
STEPS: Final[tuple[Step, ...]] = ("top", "up", "down", "bottom")
MOST_AT_ONCE: Final = 200
"""Runs that one request may cancel."""
REASON_LETTERS: Final = 200
UNDO_WITHIN: Final = timedelta(minutes=1)
"""So long what was taken out can be put back into its place; afterwards it is resumed, at the end of the queue."""


@transaction.atomic
def move_step(*, team: Team, actor: User, run_id: str, step: Step, seen: Sequence[str], ip: str | None = None) -> str:
    """Move a queued run one place up or down within its team's queue, or to an end of it. Returns what happened.

    `seen` are the ids of the team's queue as the person saw it.

    Raises:
        QueueChanged: it is not in that order any more.
        RunRefused: the run does not wait any more.
    """
    queue = _own_queue(team, actor, run_id, seen)
    others = [run for run in queue if run.pk != run_id]
    place = [run.pk for run in queue].index(run_id)
    to = {"top": 0, "up": max(0, place - 1), "down": min(len(others), place + 1), "bottom": len(others)}[step]
    return _move(queue, run_id, to, actor, ip)


@transaction.atomic
def move_before(
    *, team: Team, actor: User, run_id: str, before: str, seen: Sequence[str], ip: str | None = None
) -> str:
    """Move a queued run before another one of its team, or to the end where `before` is empty. As `move_step`."""
    queue = _own_queue(team, actor, run_id, seen)
    others = [run.pk for run in queue if run.pk != run_id]
    if before and before not in others:
        raise QueueChanged("The run that it should stand before does not wait any more; here is the queue as it is.")
    return _move(queue, run_id, others.index(before) if before else len(others), actor, ip)


@transaction.atomic
def pause_queue(*, team: Team, actor: User, reason: str = "", ip: str | None = None) -> str:
    """Start nothing of the team until its queue is released; what runs goes on."""
    require_role(actor, team, Role.MAINTAINER, "pause the queue of the team")
    clean = " ".join(reason.split())
    if len(clean) > REASON_LETTERS:
        raise RunRefused(f"The reason has {len(clean)} letters; use {REASON_LETTERS} or fewer.")
    hold, created = QueueHold.objects.get_or_create(team=team, defaults={"by": actor, "reason": clean})
    if not created:
        return (
            f"The queue was paused already, by {hold.by or 'somebody who left'}; nothing starts before it is released."
        )
    record(action="queue.paused", subject=team, actor=actor, team=team, ip=ip, reason=clean)
    _explain()
    return "The queue is paused: what runs goes on, nothing new starts."


@transaction.atomic
def release_queue(*, team: Team, actor: User, ip: str | None = None) -> str:
    """Let the team's runs start again."""
    require_role(actor, team, Role.MAINTAINER, "release the queue of the team")
    deleted, _ = QueueHold.objects.filter(team=team).delete()
    if not deleted:
        return "The queue was not paused; it goes on."
    record(action="queue.released", subject=team, actor=actor, team=team, ip=ip)
    _explain()
    enqueue(DISPATCH_RUNS)
    return "The queue goes on."


def cancel_queued(
    *, runs: Sequence[Run], actor: User, ip: str | None = None
) -> tuple[list[Run], list[tuple[Run, str]]]:
    """Take runs out of the queue: those that were, and those that were not, each with the reason. Each for itself."""
    if len(runs) > MOST_AT_ONCE:
        raise RunRefused(f"{len(runs)} runs are too many at once; choose {MOST_AT_ONCE} or fewer.")
    done, refused = [], []
    for run in runs:
        try:
            _cancel(run, actor, ip)
        except (PermissionRefused, RunRefused) as refusal:
            refused.append((run, str(refusal)))
        else:
            done.append(run)
    return done, refused


@transaction.atomic
def _cancel(run: Run, actor: User, ip: str | None) -> None:
    """Stop a run that still waits; its row is held, so that it cannot start in between."""
    if locked(run).status != RunStatus.QUEUED:
        raise RunRefused("does not wait any more")
    request_stop(run=run, actor=actor, ip=ip)


def queue_again(*, runs: Sequence[Run], actor: User, ip: str | None = None) -> list[Run]:
    """Take back what `cancel_queued` did a moment ago: the runs have the places again that they had."""
    since = timezone.now() - UNDO_WITHIN
    back = []
    for run in runs:
        with transaction.atomic():
            stopped = locked(run)
            if stopped.status != RunStatus.STOPPED or stopped.status_at < since:
                continue
            try:
                resume_run(run=stopped, actor=actor, ip=ip)
            except (PermissionRefused, RunRefused):
                continue
            waited = {"place_at": stopped.place_at, "queued_at": stopped.queued_at}
            Run.objects.filter(pk=run.pk, status=RunStatus.QUEUED).update(**waited)
            back.append(run)
    return back


def _own_queue(team: Team, actor: User, run_id: str, seen: Sequence[str]) -> list[Run]:
    """The team's queue in order and locked, if it is as the person saw it, but for runs that came or went since."""
    require_role(actor, team, Role.MAINTAINER, "change the order of the queue")
    state.lock_queue()
    queue = list(state.in_order().filter(team=team).select_for_update(of=("self",)))
    now = [run.pk for run in queue]
    if run_id not in now:
        raise QueueChanged("That run does not wait any more: it started or was stopped. Here is the queue as it is.")
    known = set(seen)
    still = set(now)
    if [pk for pk in now if pk in known] != [pk for pk in seen if pk in still]:
        raise QueueChanged("The queue changed meanwhile; here it is. Nothing was moved.")
    return queue


def _move(queue: list[Run], run_id: str, to: int, actor: User, ip: str | None) -> str:
    """Put the run at the place `to` among the others of its team's queue."""
    moved = next(run for run in queue if run.pk == run_id)
    others = [run for run in queue if run.pk != run_id]
    order = [*others[:to], moved, *others[to:]]
    if order == queue:
        return f"{moved.name} stays where it is: place {to + 1} of the team's {len(order)}."
    old = moved.priority
    moved.priority = _fitting(moved.priority, order, to)
    if moved.priority != old:
        moved.place_at = _beside(order, to)
    _exchange_places([run for run in order if run.priority == moved.priority])
    Run.objects.filter(pk=moved.pk).update(priority=moved.priority, place_at=moved.place_at)
    told = f"{actor} moved it to place {to + 1} of the team's {len(order)}"
    told += f"; its priority is {moved.priority} now" if moved.priority != old else ""
    append_console_event(moved, "QueueMoved", {"by": str(actor), "reason": told})
    place = {"place": to + 1, "of": len(order), "priority": moved.priority, "was": old}
    record(action="run.moved", subject=moved, actor=actor, team=moved.team, ip=ip, **place)
    _explain()
    enqueue(DISPATCH_RUNS)
    return f"{moved.name} is at place {to + 1} of the team's {len(order)}" + (
        f", with priority {moved.priority}." if moved.priority != old else "."
    )


def _fitting(priority: int, order: Sequence[Run], place: int) -> int:
    """The priority nearest to its own with which a run may stand there: between those of its neighbours."""
    below = order[place + 1].priority if place + 1 < len(order) else priority
    above = order[place - 1].priority if place else priority
    return min(max(priority, below), above) if place else max(priority, below)


def _beside(order: Sequence[Run], place: int) -> datetime:
    """A place right beside the neighbour whose priority the run takes over, so that no other run changes its own."""
    moved = order[place]
    if place + 1 < len(order) and order[place + 1].priority == moved.priority:
        return order[place + 1].place_at - timedelta(microseconds=1)
    return order[place - 1].place_at + timedelta(microseconds=1)


def _exchange_places(runs: Sequence[Run]) -> None:
    """Give runs of one priority, in their new order, the places that they have together; no two the same."""
    places = sorted(run.place_at for run in runs)
    for earlier, later in zip(range(len(places)), range(1, len(places)), strict=False):
        if places[later] <= places[earlier]:
            places[later] = places[earlier] + timedelta(microseconds=1)
    changed = []
    for run, place in zip(runs, places, strict=True):
        if run.place_at != place:
            run.place_at = place
            changed.append(run)
    Run.objects.bulk_update(changed, ["place_at"])


def _explain() -> None:
    """Tell every run at once what it waits for now; the dispatcher does so again when it looks."""
    state.lock_queue()
    queue = list(state.in_order())
    verdicts = decide(state.as_waiting(queue), state.books_of(state.holding(), timezone.now()))
    state.tell_reasons(queue, verdicts)
