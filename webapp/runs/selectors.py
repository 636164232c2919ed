"""Reading runs for the run page and the strip above the list. Every function is scoped to what the person may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from webapp.accounts.models import Team
from webapp.accounts.permissions import Person
from webapp.runs.access import runs_of_team_visible_to, runs_visible_to
from webapp.runs.models import ACTIVE_STATUSES, Checkpoint, Run, RunAttempt, RunEvent, RunStatus

TIMELINE_KINDS = (
    "StatusChanged",
    "PauseRequested",
    "QueueMoved",
    "RunStarted",
    "RunEnded",
    "TasksSelected",
    "ValidationFinished",
    "CheckpointSaved",
    "CollapseNoticed",
    "FaultNoticed",
    "AttemptLost",
    "PreflightFailed",
    "AlertRaised",
    "AlertEnded",
    "TryoutControl",
)
"""Events that are worth a line of the timeline; the many small ones have pages of their own."""
MOST_RESCUES_TOLD = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamLoad:
    """What is going on in a team now."""

    running: int
    queued: int
    desktops: int


def team_load_visible_to(person: Person, team: Team) -> TeamLoad:
    """Counts for the strip above the list."""
    return load_of(runs_of_team_visible_to(person, team), team)


def load_of(runs: QuerySet[Run], team: Team) -> TeamLoad:
    """Counts of a team's runs that are under way or wait, among runs that somebody may see."""
    active = Q(status__in=ACTIVE_STATUSES)
    alive = runs.filter(team=team, is_example=False, status__in=(*ACTIVE_STATUSES, RunStatus.QUEUED))
    counts = alive.aggregate(
        running=Count("pk", filter=active),
        queued=Count("pk", filter=Q(status=RunStatus.QUEUED)),
        desktops=Sum("desktops", filter=active),
    )
    return TeamLoad(running=counts["running"], queued=counts["queued"], desktops=counts["desktops"] or 0)


def example_run_visible_to(person: Person) -> Run | None:
    """The recorded run that ships with the product, when it is loaded."""
    return runs_visible_to(person).filter(is_example=True).order_by("created_at").first()


def timeline_visible_to(person: Person, run: Run, limit: int = 60) -> list[RunEvent]:
    """The latest events worth a line, newest first; the many groups that replay rescued never crowd out the others."""
    events = RunEvent.objects.filter(run__in=runs_visible_to(person), run=run)
    told = events.filter(kind__in=TIMELINE_KINDS).order_by("-cursor")[:limit]
    # Contained in the members' JSON: one whose `injected` is an object, and not null.
    rescued = events.filter(kind="GroupCollected", data__members__contains=[{"injected": {}}]).order_by("-cursor")
    both = [*told, *rescued[:MOST_RESCUES_TOLD]]
    return sorted(both, key=lambda event: event.cursor, reverse=True)


def log_visible_to(person: Person, run: Run, level: str = "", search: str = "", limit: int = 500) -> list[RunEvent]:
    """The latest log records, oldest first, as a log is read."""
    events = RunEvent.objects.filter(run__in=runs_visible_to(person), run=run, kind="LogWritten")
    if level:
        events = events.filter(data__level__in=_levels_from(level))
    if search:
        events = events.filter(data__message__icontains=search)
    return list(reversed(events.order_by("-cursor")[:limit]))


def attempts_visible_to(person: Person, run: Run) -> list[RunAttempt]:
    """The run's attempts, latest first."""
    return list(RunAttempt.objects.filter(run__in=runs_visible_to(person), run=run).order_by("-number"))


def checkpoints_visible_to(person: Person, run: Run) -> list[Checkpoint]:
    """The run's checkpoints, latest first."""
    return list(Checkpoint.objects.filter(run__in=runs_visible_to(person), run=run).order_by("-step", "-attempt"))


def checkpoint_visible_to(person: Person, checkpoint_id: int) -> Checkpoint | None:
    """One checkpoint, or None for one that is not there or not the person's to see."""
    checkpoints = Checkpoint.objects.filter(run__in=runs_visible_to(person), pk=checkpoint_id)
    return checkpoints.select_related("run", "run__team").first()


def host_visible_to(person: Person, run: Run) -> dict[str, Any] | None:
    """The latest sample of the machine that the run runs on."""
    events = RunEvent.objects.filter(run__in=runs_visible_to(person), run=run, kind="HostSampled")
    event = events.order_by("-cursor").first()
    return event.data if event else None


def _levels_from(level: str) -> list[str]:
    order = ["debug", "info", "warning", "error"]
    return order[order.index(level) :] if level in order else order
