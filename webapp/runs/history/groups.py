"""Runs put together by a setting or a field: how many there are, and their success as a mean with its band.

Two figures, since they answer two questions: the pooled rate says how often tasks were solved (n/N, with Wilson's
interval); mean ± sd over runs says how much one run of the group differs from the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Avg, Count, F, FilteredRelation, Q, QuerySet, StdDev, Sum
from django.utils import timezone

from webapp.accounts.permissions import Person
from webapp.runs.history.fields import Measure, Setting, subject_of
from webapp.runs.history.language import Query, parse, quoted
from webapp.runs.history.pages import keys_of_columns, narrowed
from webapp.runs.history.state import ViewState
from webapp.runs.models import ACTIVE_STATUSES, Run, RunStatus
from webapp.runs.rates import Rate

MOST_GROUPS: Final = 100
MOST_METRICS: Final = 4
"""Metrics whose mean is told for each group: each costs a join over all runs."""


@dataclass(frozen=True, slots=True)
class Band:
    """A mean over runs with its sample standard deviation; `sd` is None of a single run, `mean` of none."""

    mean: float | None
    sd: float | None
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledRate(Rate):
    """Successes of attempts, of all runs of a group together, and what each run's own share is."""

    band: Band


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Runs with one value in common; `value` is None where they have none."""

    value: str | None
    runs: int
    statuses: tuple[tuple[str, int], ...]
    success: PooledRate
    held_out: PooledRate
    metrics: tuple[Band, ...]
    q: str
    """The query for just these runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsPage:
    """All groups of a view, or the first of many."""

    groups: tuple[Group, ...]
    more: bool
    metrics: tuple[str, ...]
    query: Query


def groups_of(runs: QuerySet[Run], state: ViewState, person: Person) -> GroupsPage:
    """The view's runs by the value of `state.group`.

    Raises:
        QueryError: the query cannot be read, or asks for something that is not there.
    """
    query = parse(state.q)
    found = narrowed(runs, query, person, timezone.now())
    found, order = _with_value(found, state.group)
    metrics = tuple(name for name in state.columns if isinstance(subject_of(name), Measure))[:MOST_METRICS]
    rows: Any = found
    rows = rows.values("group_value").annotate(**_figures(), **_statuses())
    for place, name in enumerate(metrics):
        rows = _with_metric(rows, place, name)
    listed = list(rows.order_by(*order)[: MOST_GROUPS + 1])
    groups = tuple(_group(row, state, len(metrics)) for row in listed[:MOST_GROUPS])
    return GroupsPage(groups=groups, more=len(listed) > MOST_GROUPS, metrics=metrics, query=query)


def _with_value(runs: QuerySet[Run], name: str) -> tuple[QuerySet[Run], Sequence[Any]]:
    """Runs with the value that they are put together by, and the order of the groups."""
    subject = subject_of(name)
    if isinstance(subject, Setting):
        key = keys_of_columns([name]).get(subject.path, 0)
        runs = runs.alias(grouped=FilteredRelation("settings", condition=Q(settings__key_id=key)))
        runs = runs.annotate(group_value=F("grouped__text"), group_number=F("grouped__number"))
        return runs, (F("group_number").asc(nulls_last=True), F("group_value").asc(nulls_last=True))
    path = getattr(subject, "path", "")
    return runs.annotate(group_value=F(path)), ("-runs", "group_value")


def _figures() -> dict[str, Any]:
    figures: dict[str, Any] = {"runs": Count("pk")}
    for share, part, whole in (
        ("success", "successes", "attempts_count"),
        ("held_out", "held_out_successes", "held_out_attempts"),
    ):
        figures |= {
            f"{share}_mean": Avg(share),
            f"{share}_sd": StdDev(share, sample=True),
            f"{share}_runs": Count(share),
            f"{share}_part": Sum(part),
            f"{share}_whole": Sum(whole),
        }
    return figures


GROUPED_STATUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "active": ACTIVE_STATUSES,
    "queued": (RunStatus.QUEUED, RunStatus.PAUSED),
    "finished": (RunStatus.FINISHED,),
    "stopped": (RunStatus.STOPPED,),
    "failed": (RunStatus.FAILED, RunStatus.LOST),
}
"""Statuses as a group tells them: what is alike for the one who compares is told together."""


def _statuses() -> dict[str, Any]:
    return {f"status_{name}": Count("pk", filter=Q(status__in=words)) for name, words in GROUPED_STATUSES.items()}


def _with_metric(rows: Any, place: int, name: str) -> Any:
    subject = subject_of(name)
    assert isinstance(subject, Measure), "only metrics are asked for"
    rows = rows.alias(**{f"measured_{place}": FilteredRelation("series", condition=Q(series__key=subject.key))})
    value = f"measured_{place}__last_value"
    return rows.annotate(
        **{
            f"metric_{place}_mean": Avg(value),
            f"metric_{place}_sd": StdDev(value, sample=True),
            f"metric_{place}_runs": Count(value),
        }
    )


def _group(row: Mapping[str, Any], state: ViewState, metrics: int) -> Group:
    value = row["group_value"]
    term = f"{state.group}={quoted(str(value))}" if value not in (None, "") else f"-{state.group}:*"
    return Group(
        value=None if value in (None, "") else str(value),
        runs=row["runs"],
        statuses=tuple((name, row[f"status_{name}"]) for name in GROUPED_STATUSES if row[f"status_{name}"]),
        success=_rate(row, "success"),
        held_out=_rate(row, "held_out"),
        metrics=tuple(_band(row, f"metric_{place}") for place in range(metrics)),
        q=f"{state.q} {term}".strip(),
    )


def _rate(row: Mapping[str, Any], share: str) -> PooledRate:
    part, whole = row[f"{share}_part"] or 0, row[f"{share}_whole"] or 0
    return PooledRate(successes=part, attempts=whole, band=_band(row, share))


def _band(row: Mapping[str, Any], name: str) -> Band:
    return Band(row[f"{name}_mean"], row[f"{name}_sd"], row[f"{name}_runs"])
