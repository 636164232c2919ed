"""Schedules: made by a person, fired by the clock. What was missed while the console was down runs once, told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from arpo_engine.contract.config import RunConfig, explain
from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import PermissionRefused, require_role
from webapp.accounts.services import record
from webapp.counted import counted
from webapp.runs.cron import CronError, parse_cron, zone_of
from webapp.runs.errors import RunRefused
from webapp.runs.grid import Axis, GridError, as_data, cells, from_data
from webapp.runs.models import ACTIVE_STATUSES, DEFAULT_ATTEMPTS, Run, RunStatus
from webapp.runs.planning_models import RunSchedule
from webapp.runs.services.creation import MadeBy, create_run
from webapp.runs.services.sweeps import create_sweep

MOST_OF_A_TEAM = 200
LATE_S = 120.0
"""A start that is later than that after its time is told to have been missed."""
UNDER_WAY = (RunStatus.QUEUED, RunStatus.LOST, RunStatus.PAUSED, *ACTIVE_STATUSES)


@transaction.atomic
def create_schedule(
    *,
    owner: User,
    team: Team,
    name: str,
    tree: Mapping[str, Any],
    next_at: datetime,
    axes: Sequence[Axis] = (),
    cron: str = "",
    zone: str = "UTC",
    preset: str = "",
    parent: Run | None = None,
    tags: Sequence[str] = (),
    made_by: MadeBy | None = None,
    tries: int = DEFAULT_ATTEMPTS,
    ip: str | None = None,
) -> RunSchedule:
    """Keep a run, or a sweep, to be started by the clock with its owner's rights."""
    require_role(owner, team, Role.RUNNER, "schedule a run")
    if RunSchedule.objects.filter(team=team, enabled=True).count() >= MOST_OF_A_TEAM:
        raise RunRefused(f"{team.name} has {MOST_OF_A_TEAM} schedules that are on; switch off or delete some first.")
    made_by = made_by or MadeBy()
    schedule = RunSchedule.objects.create(
        team=team,
        owner=owner,
        name=name[:120],
        config=dict(tree),
        axes=as_data(axes),
        preset=preset,
        team_preset=made_by.team_preset,
        from_checkpoint=made_by.checkpoint,
        parent=parent,
        tags=list(tags),
        tries=tries,
        cron=cron,
        zone=zone,
        next_at=next_at,
    )
    record(action="schedule.created", subject=schedule, actor=owner, team=team, ip=ip, cron=cron, zone=zone, name=name)
    return schedule


@transaction.atomic
def switch_schedule(*, schedule: RunSchedule, actor: User, on: bool, ip: str | None = None) -> str:
    """Switch a schedule off, or on again from its next time on: what was due while it was off is not made up for."""
    schedule = locked_schedule(schedule, actor, "switch a schedule")
    if on and not schedule.enabled:
        now = timezone.now()
        schedule.next_at = _next(schedule, now) if schedule.cron else schedule.next_at
        if schedule.next_at is None or schedule.next_at <= now:
            raise RunRefused(f"{schedule.name} was to start once, and that time is over; edit it to give it another.")
    if schedule.enabled != on:
        schedule.enabled = on
        schedule.save(update_fields=["enabled", "next_at"])
        action = "schedule.on" if on else "schedule.off"
        record(action=action, subject=schedule, actor=actor, team=schedule.team, ip=ip, name=schedule.name)
    return f"{schedule.name} is {'on' if on else 'off'}."


@transaction.atomic
def delete_schedule(*, schedule: RunSchedule, actor: User, ip: str | None = None) -> str:
    """Take a schedule away; the runs that it started stay."""
    schedule = locked_schedule(schedule, actor, "delete a schedule")
    record(action="schedule.deleted", subject=schedule, actor=actor, team=schedule.team, ip=ip, name=schedule.name)
    name = schedule.name
    schedule.delete()
    return f"{name} is deleted; the runs that it started stay."


def start_due(now: datetime | None = None) -> list[int]:
    """Start what is due, each schedule for itself; the ids of those that were looked at."""
    now = now or timezone.now()
    due = RunSchedule.objects.filter(enabled=True, next_at__lte=now).order_by("next_at", "id")
    return [pk for pk in due.values_list("pk", flat=True)[:100] if _fire(pk, now)]


@transaction.atomic
def _fire(pk: int, now: datetime) -> bool:
    rows = RunSchedule.objects.select_for_update(skip_locked=True, of=("self",)).select_related("team", "owner")
    schedule = rows.filter(pk=pk, enabled=True, next_at__lte=now).first()
    if schedule is None or schedule.next_at is None:
        return False
    was_due = schedule.next_at
    try:
        schedule.next_at = _next(schedule, now) if schedule.cron else None
        told = _start(schedule) + _missed(schedule, was_due, now)
    except (PermissionRefused, RunRefused, GridError, CronError) as refusal:
        schedule.enabled = False
        told = f"Switched off, nothing was started: {refusal}"
    if schedule.next_at is None:
        schedule.enabled = False
    schedule.last_at, schedule.last_told = now, told
    schedule.save(update_fields=["enabled", "next_at", "last_at", "last_told"])
    record(action="schedule.fired", subject=schedule, actor=schedule.owner, team=schedule.team, told=told)
    return True


def _start(schedule: RunSchedule) -> str:
    before = schedule.runs.filter(status__in=UNDER_WAY).order_by("-created_at").first()
    if before is not None:
        return f"Skipped: {before.name}, which it started before, is {before.status} still."
    axes = from_data(schedule.axes)
    made_by = MadeBy(checkpoint=schedule.from_checkpoint, team_preset=schedule.team_preset, schedule=schedule)
    try:
        grid = cells(schedule.config, axes) if axes else []
        config = RunConfig.model_validate(schedule.config) if not axes else grid[0].config
    except ValidationError as error:
        path, message = explain(error)[0]
        raise RunRefused(f"its settings are of an earlier release: {path} {message}; edit it") from error
    # Within the transaction of the schedule, yet undone alone if it is refused half-way.
    with transaction.atomic():
        if axes:
            create_sweep(
                owner=schedule.owner,
                team=schedule.team,
                name=schedule.name,
                axes=axes,
                cells=grid,
                preset=schedule.preset,
                parent=schedule.parent,
                tags=schedule.tags,
                made_by=made_by,
                tries=schedule.tries,
            )
            return f"Started a sweep of {len(grid)} runs."
        run = create_run(
            owner=schedule.owner,
            team=schedule.team,
            config=config,
            name=schedule.name,
            preset=schedule.preset,
            parent=schedule.parent,
            tags=schedule.tags,
            made_by=made_by,
            tries=schedule.tries,
        )
    return f"Started {run.name}."


def _missed(schedule: RunSchedule, was_due: datetime, now: datetime) -> str:
    """What is said of times that passed while nobody was there to start them."""
    if (now - was_due).total_seconds() <= LATE_S:
        return ""
    more = parse_cron(schedule.cron).missed_between(was_due, now, zone_of(schedule.zone)) if schedule.cron else 0
    times = "That time" if not more else f"That and {counted(more, 'time')} after it"
    due = f" It was due at {was_due:%Y-%m-%d %H:%M} UTC."
    return f"{due} {times} passed while the console was away, which is made up for by one start."


def _next(schedule: RunSchedule, now: datetime) -> datetime | None:
    return parse_cron(schedule.cron).next_after(now, zone_of(schedule.zone))


def locked_schedule(schedule: RunSchedule, actor: User, doing: str) -> RunSchedule:
    """The row as it is, locked; owners change their own schedules, maintainers everybody's.

    Raises:
        PermissionRefused: it is not theirs to change.
        RunRefused: somebody deleted it meanwhile.
    """
    rows = RunSchedule.objects.select_for_update(of=("self",)).select_related("team", "owner", "edited_by")
    found = rows.filter(pk=schedule.pk).first()
    if found is None:
        raise RunRefused(f"{schedule.name} was deleted meanwhile, so nothing was changed.")
    least = Role.RUNNER if found.owner_id == actor.pk else Role.MAINTAINER
    require_role(actor, found.team, least, doing)
    return found
