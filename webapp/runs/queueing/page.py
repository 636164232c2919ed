"""The queue as a person sees it: their team's runs in order, why each waits, when its turn may come, what is used.

Of other teams only the number of runs that are before one's own is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from webapp.accounts.models import Role, Team
from webapp.accounts.permissions import Person, has_role
from webapp.accounts.selectors import teams_visible_to
from webapp.runs.models import Run, RunStatus
from webapp.runs.planning_models import QueueHold, TeamQuota
from webapp.runs.queueing import state
from webapp.runs.queueing.durations import expected_durations_s
from webapp.runs.queueing.forecast import Forecast, forecasts
from webapp.runs.queueing.rules import Account, Books
from webapp.runs.services.creation import WAITING

PREFIX = "Place "
NOBODY_STARTS = "what starts runs cannot be reached, or is still being set up"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """A run of the team that waits."""

    run: Run
    place: int
    """Among the team's own."""
    place_of_all: int
    desktops: int
    waits_for: str
    forecast: Forecast
    may_cancel: bool
    first: bool
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """Something that is used up to a bound."""

    name: str
    used: str
    bound: str
    """Empty: there is none."""
    share: int
    """Percent of the bound, at most 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """What the page shows."""

    rows: tuple[QueueRow, ...]
    all_waiting: int
    paused: tuple[Run, ...]
    """Runs of the team that stand still until somebody resumes them."""
    hold: QueueHold | None
    gauges: tuple[Gauge, ...]
    may_order: bool
    seen: str
    """The ids of the rows, for the moves that the page asks for."""


def queue_visible_to(person: Person, team: Team, now: datetime | None = None) -> QueuePage | None:
    """The queue of a team for its members; None for anybody else."""
    if not teams_visible_to(person).filter(pk=team.pk).exists():
        return None
    now = now or timezone.now()
    holding = state.holding()
    books = state.books_of(holding, now)
    queue = list(state.in_order().select_related("owner"))
    waiting = state.as_waiting(queue)
    turns = forecasts(waiting, books, state.under_way(holding), expected_durations_s(queue), now)
    own = [(place, run) for place, run in enumerate(queue, start=1) if run.team_id == team.pk]
    may_order = has_role(person, team, Role.MAINTAINER)
    may_own = has_role(person, team, Role.RUNNER)
    rows = tuple(
        QueueRow(
            run=run,
            place=place,
            place_of_all=of_all,
            desktops=run.needs,  # type: ignore[attr-defined]
            waits_for=_without_place(run.status_reason),
            forecast=turns[run.pk] if _has_a_place(run) else Forecast(unknown=NOBODY_STARTS),
            may_cancel=may_order or (may_own and run.owner_id == person.pk),
            first=place == 1,
            last=place == len(own),
        )
        for place, (of_all, run) in enumerate(own, start=1)
    )
    standing = Run.objects.filter(team=team, status=RunStatus.PAUSED, is_example=False).select_related("owner")
    return QueuePage(
        rows=rows,
        all_waiting=len(queue),
        paused=tuple(standing.order_by("-status_at")[:50]),
        hold=QueueHold.objects.select_related("by").filter(team=team).first(),
        gauges=gauges_of(team, books, now),
        may_order=may_order,
        seen=",".join(row.run.pk for row in rows),
    )


def gauges_of(team: Team, books: Books, now: datetime) -> tuple[Gauge, ...]:
    """What the team uses of what it may use."""
    own = books.teams.get(team.pk) or Account()
    quota = TeamQuota.objects.filter(team=team).first()
    hours = own.gpu_hours
    if quota is None or quota.gpu_hours is None:
        hours = state.gpu_hours_since(now - state.QUOTA_WINDOW, now, run__team=team)
    return (
        _gauge("Runs under way", own.runs, own.max_runs),
        _gauge("Desktops", own.desktops, own.max_desktops),
        _gauge("GPU-hours in 30 days", hours, own.max_gpu_hours),
    )


def _gauge(name: str, used: float, bound: float | None) -> Gauge:
    share = 0 if bound is None else 100 if bound == 0 else min(100, round(100 * used / bound))
    words = f"{used:.1f}" if isinstance(used, float) and used % 1 else f"{used:.0f}"
    return Gauge(name=name, used=words, bound="" if bound is None else f"{bound:.0f}", share=share)


def _has_a_place(run: Run) -> bool:
    """Whether the dispatcher counts it; while the engine is away it says that instead of a place."""
    return run.status_reason.startswith(PREFIX) or run.status_reason == WAITING


def _without_place(reason: str) -> str:
    """The reason without the place, which has a column of its own."""
    if reason.startswith(PREFIX) and ": " in reason:
        return reason.split(": ", 1)[1]
    return reason
