"""How long a waiting run may take, from what is known of others. Reads rows; promises nothing.

The best that is known comes first: runs of the same config, then the pace of runs of the same preset, then the bound
that the run gives itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Avg, DurationField, ExpressionWrapper, F, FloatField, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from webapp.runs.models import Run, RunKind, RunStatus


def expected_durations_s(queue: Sequence[Run]) -> dict[str, float | None]:
    """Seconds by run id; None where nothing is known."""
    if not queue:
        return {}
    same = _means(_finished(queue).filter(config_hash__in={run.config_hash for run in queue}), "config_hash")
    paced = _paces(_finished(queue).filter(preset__in={run.preset for run in queue if run.preset}))
    bounds = _bounds(queue)
    return {run.pk: same.get(run.config_hash) or _at_pace(run, paced) or bounds.get(run.pk) for run in queue}


def _finished(queue: Iterable[Run]) -> QuerySet[Run]:
    teams = {run.team_id for run in queue}
    # How long somebody directs a try-out says nothing about the next one.
    done = Run.objects.exclude(kind=RunKind.TRY).filter(
        status=RunStatus.FINISHED, started_at__isnull=False, finished_at__isnull=False
    )
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    return done.filter(team__in=teams).annotate(took=took).order_by()


def _means(runs: QuerySet[Run], by: str) -> dict[str, float]:
    rows = runs.values(by).annotate(mean=Avg("took"))
    return {row[by]: row["mean"].total_seconds() for row in rows}


def _paces(runs: QuerySet[Run]) -> dict[str, float]:
    """Seconds a step, by preset."""
    rows = runs.filter(step__gt=0).values("preset").annotate(mean=Avg("took"), steps=Avg("step"))
    return {row["preset"]: row["mean"].total_seconds() / row["steps"] for row in rows if row["steps"]}


def _at_pace(run: Run, paces: dict[str, float]) -> float | None:
    pace = paces.get(run.preset) if run.preset else None
    return pace * run.total_steps if pace and run.total_steps else None


def _bounds(queue: Sequence[Run]) -> dict[str, float]:
    minutes = Cast(KT("config__limits__minutes"), FloatField())
    rows = Run.objects.filter(pk__in=[run.pk for run in queue]).annotate(minutes=minutes)
    return {pk: 60 * bound for pk, bound in rows.values_list("pk", "minutes") if bound}
