"""Schedules as their page shows them: in words, in their own time zone, with the last run. Scoped to the person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from webapp.accounts.models import Role, Team
from webapp.accounts.permissions import Person, has_role
from webapp.accounts.selectors import teams_visible_to
from webapp.runs.cron import CronError, in_words, zone_of
from webapp.runs.grid import from_data, size
from webapp.runs.models import Run
from webapp.runs.planning_models import RunSchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """One line of the table."""

    schedule: RunSchedule
    words: str
    local_next: str
    """The next time as the clocks of its own zone show it."""
    runs: int
    """How many runs it starts at a time."""
    last_run: Run | None
    may_change: bool


def schedules_visible_to(person: Person, team: Team) -> list[ScheduleRow]:
    """The team's schedules for its members: those that are on first, the next one on top."""
    rows = RunSchedule.objects.filter(team=team, team__in=teams_visible_to(person)).select_related("owner", "edited_by")
    manages, runs = has_role(person, team, Role.MAINTAINER), has_role(person, team, Role.RUNNER)
    return [
        ScheduleRow(
            schedule=schedule,
            words=in_words(schedule.cron) if schedule.cron else "once",
            local_next=_local(schedule.next_at, schedule.zone),
            runs=size(from_data(schedule.axes)),
            last_run=schedule.runs.order_by("-created_at").first(),
            may_change=manages or (runs and schedule.owner_id == person.pk),
        )
        for schedule in rows.order_by("-enabled", "next_at", "id")
    ]


def schedule_visible_to(person: Person, schedule_id: int) -> RunSchedule | None:
    """One schedule; None when it is not there, and when it is another team's."""
    rows = RunSchedule.objects.filter(team__in=teams_visible_to(person))
    rows = rows.select_related("team", "owner", "edited_by", "team_preset", "from_checkpoint__run")
    return rows.filter(pk=schedule_id).first()


def _local(moment: datetime | None, zone: str) -> str:
    if moment is None:
        return ""
    try:
        return f"{moment.astimezone(zone_of(zone)):%a %Y-%m-%d %H:%M} {zone}"
    except CronError:
        return f"{moment:%a %Y-%m-%d %H:%M} UTC"
