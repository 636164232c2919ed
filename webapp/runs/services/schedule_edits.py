"""Editing a schedule: what it starts and when. Runs that it started stay as they are; its owner and switch do too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from arpo_engine.contract.config import RunConfig
from webapp.accounts.models import User
from webapp.accounts.services import record
from webapp.runs.errors import RunRefused, ScheduleChanged
from webapp.runs.grid import Axis, as_data
from webapp.runs.planning_models import RunSchedule
from webapp.runs.services.creation import MadeBy, clean_tags, require_startable
from webapp.runs.services.schedules import locked_schedule


@transaction.atomic
def edit_schedule(
    *,
    schedule: RunSchedule,
    actor: User,
    version: int,
    tree: Mapping[str, Any],
    configs: Sequence[RunConfig],
    next_at: datetime | None,
    axes: Sequence[Axis] = (),
    cron: str = "",
    zone: str = "UTC",
    tags: Sequence[str] = (),
    tries: int,
    ip: str | None = None,
) -> RunSchedule:
    """Change what a schedule starts (`configs`, which `tree` and `axes` make) and when.

    Whoever edits it must be allowed to start these runs themselves: they will have the rights of the schedule's owner,
    which may be more. The time of a cron line that stays as it is stays too, so that what is due is not lost.

    Raises:
        PermissionRefused: it is not theirs to edit, or not theirs to start.
        ScheduleChanged: somebody else edited it since `version`.
        RunRefused: it was deleted meanwhile, its time never comes, or a lock of its preset is broken.
    """
    schedule = locked_schedule(schedule, actor, "edit a schedule")
    if schedule.version != version:
        raise ScheduleChanged(
            f"{schedule.edited_by or 'Somebody'} edited this schedule since you opened it. Your form is below; what is "
            "saved now stands beside it. Save again to put yours in its place."
        )
    made_by = MadeBy(checkpoint=schedule.from_checkpoint, team_preset=schedule.team_preset)
    for config in configs:
        require_startable(actor, schedule.team, config, made_by)
    if next_at is None:
        raise RunRefused("That time never comes; choose another one.")
    old = {"name": schedule.name, "config": schedule.config, "axes": schedule.axes, "cron": schedule.cron}
    old |= {"zone": schedule.zone, "next_at": schedule.next_at.isoformat() if schedule.next_at else None}
    if not cron or (cron, zone) != (schedule.cron, schedule.zone) or schedule.next_at is None:
        schedule.next_at = next_at
    schedule.name, schedule.config, schedule.axes = configs[0].title[:120], dict(tree), as_data(axes)
    schedule.cron, schedule.zone, schedule.tags, schedule.tries = cron, zone, clean_tags(tags), tries
    schedule.version += 1
    schedule.edited_by, schedule.edited_at = actor, timezone.now()
    schedule.save()
    record(
        action="schedule.edited", subject=schedule, actor=actor, team=schedule.team, ip=ip, old=old,
        version=schedule.version,
    )  # fmt: skip
    return schedule
