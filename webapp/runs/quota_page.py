"""What a team uses of its quota, and who of it uses what. Scoped to the person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from webapp.accounts.models import Team, User
from webapp.accounts.permissions import Person
from webapp.accounts.selectors import teams_visible_to
from webapp.runs.models import Run
from webapp.runs.planning_models import TeamQuota
from webapp.runs.queueing import state
from webapp.runs.queueing.page import Gauge, gauges_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonUse:
    """What one person's runs use."""

    person: User
    runs: int
    desktops: int
    gpu_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaPage:
    """What the page shows."""

    gauges: tuple[Gauge, ...]
    people: tuple[PersonUse, ...]
    quota: TeamQuota | None


def quota_visible_to(person: Person, team: Team, now: datetime) -> QuotaPage | None:
    """The use of a team for its members; None for anybody else."""
    if not teams_visible_to(person).filter(pk=team.pk).exists():
        return None
    holding = state.holding()
    return QuotaPage(
        gauges=gauges_of(team, state.books_of(holding, now), now),
        people=_people(team, [run for run in holding if run.team_id == team.pk], now),
        quota=TeamQuota.objects.select_related("set_by").filter(team=team).first(),
    )


def _people(team: Team, holding: list[Run], now: datetime) -> tuple[PersonUse, ...]:
    """Those of the last thirty days, who uses most first."""
    since = now - state.QUOTA_WINDOW
    lately = Run.objects.filter(team=team, is_example=False, attempts__created_at__gte=since).values("owner")
    owners = User.objects.filter(pk__in={run.owner_id for run in holding}) | User.objects.filter(pk__in=lately)
    rows = [
        PersonUse(
            person=owner,
            runs=sum(run.owner_id == owner.pk for run in holding),
            desktops=sum(run.needs for run in holding if run.owner_id == owner.pk),  # type: ignore[attr-defined]
            gpu_hours=state.gpu_hours_since(since, now, run__team=team, run__owner=owner),
        )
        for owner in owners.distinct()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.gpu_hours, -row.desktops, str(row.person))))
