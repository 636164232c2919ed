"""The queue as it is in the database: who waits in which order, who is under way, what quotas leave.

For the dispatcher and for the services; what a person may see of it is `webapp.runs.queueing.page`'s business.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import DurationField, ExpressionWrapper, F, IntegerField, QuerySet, Sum, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce, Greatest

from webapp.env import envint
from webapp.runs.models import ACTIVE_STATUSES, Run, RunAttempt, RunKind, RunStatus
from webapp.runs.planning_models import QueueHold, TeamQuota
from webapp.runs.queueing.forecast import UnderWay
from webapp.runs.queueing.rules import Account, Books, Verdict, Waiting

QUEUE_LOCK: Final = 7_201
"""Key of the advisory lock under which runs are started and the order is changed."""
QUOTA_WINDOW: Final = timedelta(days=30)
HOLDING: Final = (*ACTIVE_STATUSES, RunStatus.LOST)
"""Statuses in which a run takes its place: a lost one may be heard from again."""
CORES_PER_RUN: Final = 2
"""A run of the small policy keeps about two cores busy: one learns and samples, one draws desktops."""


def runs_at_once() -> int:
    """How many runs may run at the same time on the cluster."""
    return envint("ARPO_RUNS_AT_ONCE", max(1, (os.cpu_count() or 1) // CORES_PER_RUN), minimum=1)


def tryouts_at_once() -> int:
    """How many try-outs may be under way at the same time, beside the runs."""
    return envint("ARPO_TRYOUTS_AT_ONCE", 1, minimum=1)


def desktops_at_once() -> int | None:
    """How many desktops all runs together may have; None: nobody has set a bound."""
    return envint("ARPO_DESKTOPS_AT_ONCE", 0, minimum=0) or None


def lock_queue() -> None:
    """Wait until nobody else starts runs or changes the order; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [QUEUE_LOCK])


def in_order() -> QuerySet[Run]:
    """The queued runs of all teams, the next one first, each with the desktops that it asks for."""
    queued = Run.objects.filter(status=RunStatus.QUEUED).defer("config")
    return with_needs(queued).order_by("-priority", "place_at", "id")


def with_needs(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Runs with `needs`: the desktops that their configs ask for."""
    asked = Coalesce(Cast(KT("config__desktops__count"), IntegerField()), Value(0))
    return runs.annotate(needs=asked)


def as_waiting(runs: Iterable[Run]) -> list[Waiting]:
    """Rows of `in_order` as the rules take them."""
    return [
        Waiting(
            run_id=run.pk,
            name=run.name,
            team=run.team_id,
            desktops=run.needs,  # type: ignore[attr-defined]
            tryout=run.kind == RunKind.TRY,
        )
        for run in runs
    ]


def holding() -> list[Run]:
    """Runs that take a place now."""
    runs = with_needs(Run.objects.filter(status__in=HOLDING, is_example=False))
    read = ("team_id", "owner_id", "kind", "status", "eta_s", "progress_at", "started_at", "total_steps", "step")
    return list(runs.only(*read))


def under_way(runs: Iterable[Run]) -> list[UnderWay]:
    """Rows of `holding` with their ends, as far as their engines have estimated them."""
    return [
        UnderWay(
            team=run.team_id,
            desktops=run.needs,  # type: ignore[attr-defined]
            ends_at=_ends_at(run),
            tryout=run.kind == RunKind.TRY,
        )
        for run in runs
    ]


def books_of(runs: Iterable[Run], now: datetime) -> Books:
    """What the console and each team use now, with their bounds."""
    console = Account(max_runs=runs_at_once(), max_desktops=desktops_at_once(), max_tryouts=tryouts_at_once())
    teams = _accounts(now)
    for run in runs:
        console.take(run.needs, tryout=run.kind == RunKind.TRY)  # type: ignore[attr-defined]
        teams.setdefault(run.team_id, Account()).take(run.needs)  # type: ignore[attr-defined]
    return Books(console=console, teams=teams)


def gpu_hours_since(moment: datetime, now: datetime, **of: object) -> float:
    """GPU-hours between two moments of the attempts that the filter names."""
    began = Greatest(Coalesce(F("started_at"), F("created_at")), Value(moment))
    lasted = ExpressionWrapper(Coalesce(F("ended_at"), Value(now)) - began, output_field=DurationField())
    rows = (
        RunAttempt.objects.filter(gpus__gt=0, run__is_example=False, **of)
        .exclude(ended_at__lt=moment)
        .values("gpus")
        .annotate(time=Sum(lasted))
    )
    seconds: float = sum(row["gpus"] * max(0.0, row["time"].total_seconds()) for row in rows)
    return seconds / 3600


def tell_reasons(runs: Iterable[Run], verdicts: Iterable[Verdict]) -> None:
    """Write down for every run that still waits its place and what it waits for."""
    changed = []
    waiting = [(run, verdict) for run, verdict in zip(runs, verdicts, strict=True) if not verdict.starts]
    for place, (run, verdict) in enumerate(waiting, start=1):
        reason = f"Place {place} in the queue: {verdict.reason}"
        if run.status_reason != reason:
            run.status_reason = reason
            changed.append(run)
    Run.objects.filter(status=RunStatus.QUEUED).bulk_update(changed, ["status_reason"], batch_size=500)


def _accounts(now: datetime) -> dict[int, Account]:
    accounts = {
        quota.team_id: Account(
            max_runs=quota.concurrent_runs,
            max_desktops=quota.desktops,
            max_gpu_hours=quota.gpu_hours,
            gpu_hours=gpu_hours_since(now - QUOTA_WINDOW, now, run__team=quota.team_id)
            if quota.gpu_hours is not None
            else 0.0,
        )
        for quota in TeamQuota.objects.all()
    }
    for hold in QueueHold.objects.select_related("by"):
        words = f"the team's queue is paused by {hold.by or 'somebody who left'}"
        accounts.setdefault(hold.team_id, Account()).paused = f"{words}: {hold.reason}" if hold.reason else words
    return accounts


def _ends_at(run: Run) -> datetime | None:
    if run.eta_s is None or run.progress_at is None or run.status == RunStatus.LOST:
        return None
    return run.progress_at + timedelta(seconds=run.eta_s)
