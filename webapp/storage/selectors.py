"""Storage by run and what was deleted lately, as far as a person may see the team."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Exists, F, OuterRef, Sum

from webapp.accounts.models import AuditEntry, Team
from webapp.accounts.permissions import Person, can_view
from webapp.runs.models import Checkpoint, Run
from webapp.storage.models import DELETED, RunPin

MOST_LISTED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one run holds, as its line of the page."""

    run: Run
    frames: int
    checkpoints: int
    checkpoints_count: int
    total: int
    share: float
    """Of the team's bytes, in percent."""
    pinned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a team's runs hold, largest first."""

    rows: tuple[Holding, ...]
    runs: int
    """Runs of the team, listed or not."""
    size: int


def holdings_visible_to(person: Person, team: Team) -> Holdings:
    """Storage by run, as far as the person may see the team."""
    if not can_view(person, team):
        return Holdings(rows=(), runs=0, size=0)
    runs = Run.objects.filter(team=team, is_example=False).defer("config")
    found = list(
        runs.annotate(
            saved=Sum("checkpoints__size", default=0),
            saved_count=Count("checkpoints"),
            is_pinned=Exists(RunPin.objects.filter(run=OuterRef("pk"))),
            held=F("frames_bytes") + Sum("checkpoints__size", default=0),
        ).order_by("-held", "-created_at")[:MOST_LISTED]
    )
    saved = Checkpoint.objects.filter(run__in=runs).aggregate(size=Sum("size", default=0))["size"]
    size = saved + runs.aggregate(size=Sum("frames_bytes", default=0))["size"]
    rows = tuple(
        Holding(
            run=run,
            frames=run.frames_bytes,
            checkpoints=run.saved,
            checkpoints_count=run.saved_count,
            total=run.held,
            share=100 * run.held / size if size else 0.0,
            pinned=run.is_pinned,
        )
        for run in found
    )
    return Holdings(rows=rows, runs=runs.count(), size=size)


def deletions_visible_to(person: Person, team: Team) -> list[AuditEntry]:
    """What was deleted lately."""
    if not can_view(person, team):
        return []
    return list(AuditEntry.objects.filter(team=team, action=DELETED).select_related("actor")[:20])
