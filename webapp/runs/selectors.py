"""Reading runs for the list and the run page. Every function is scoped to what the person may see."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, ExpressionWrapper, F, FloatField, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Cast

from webapp.accounts.models import Team, User
from webapp.accounts.permissions import Person
from webapp.runs.access import runs_visible_to
from webapp.runs.models import ACTIVE_STATUSES, Checkpoint, Run, RunAttempt, RunEvent, RunStatus

PAGE_SIZE = 50
MAX_ROWS_AT_ONCE = 100
SORTS = {
    "started": ("created_at", "Started"),
    "name": ("name", "Name"),
    "step": ("step", "Step"),
    "success": ("success_share", "Success"),
}
"""What the list can be ordered by: the column's word in the address, the field, the heading."""
DEFAULT_SORT = "-started"
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
)
"""Events that are worth a line of the timeline; the many small ones have pages of their own."""
MOST_RESCUES_TOLD = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilters:
    """What the list is narrowed to and how it is ordered; the same words as in the address."""

    search: str = ""
    status: str = ""
    owner: str = ""
    preset: str = ""
    tag: str = ""
    archived: bool = False
    sort: str = DEFAULT_SORT

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered out."""
        return bool(self.search or self.status or self.owner or self.preset or self.tag or self.archived)

    @property
    def column(self) -> str:
        """The column that the list is ordered by."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the largest comes first."""
        return self.sort.startswith("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsPage:
    """One page of the list; `after` asks for the next one and is empty on the last."""

    runs: list[Run]
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamLoad:
    """What is going on in a team now."""

    running: int
    queued: int
    desktops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChoices:
    """What a team's runs can be narrowed to."""

    owners: list[tuple[str, str]]
    presets: list[str]
    tags: list[str]


def runs_page_visible_to(person: Person, team: Team, filters: RunFilters, after: str = "") -> RunsPage:
    """A page of a team's runs (and the examples), by keyset: its cost does not grow with the page's number."""
    field = SORTS[filters.column][0]
    query = _narrowed(_listed(person, team), filters)
    query = _after(query, field, filters.descending, after)
    order = [F(field).desc(), F("pk").desc()] if filters.descending else [F(field).asc(), F("pk").asc()]
    rows = list(query.order_by(*order)[: PAGE_SIZE + 1])
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return RunsPage(runs=rows, after=_cursor(rows[-1], field) if more else "")


def runs_by_id_visible_to(person: Person, ids: list[str]) -> list[Run]:
    """Rows of the list that are already on a page, as they are now."""
    return list(_shown(runs_visible_to(person).filter(pk__in=ids[:MAX_ROWS_AT_ONCE])))


def team_load_visible_to(person: Person, team: Team) -> TeamLoad:
    """Counts for the strip above the list."""
    runs = runs_visible_to(person).filter(team=team, is_example=False)
    active = Q(status__in=ACTIVE_STATUSES)
    counts = runs.aggregate(
        running=Count("pk", filter=active),
        queued=Count("pk", filter=Q(status=RunStatus.QUEUED)),
        desktops=Sum("desktops", filter=active),
    )
    return TeamLoad(running=counts["running"], queued=counts["queued"], desktops=counts["desktops"] or 0)


def filter_choices_visible_to(person: Person, team: Team) -> FilterChoices:
    """Owners, presets and tags that occur among the runs of the list."""
    runs = _listed(person, team)
    owners = User.objects.filter(pk__in=runs.values("owner")).order_by("username")
    presets = runs.exclude(preset="").order_by("preset").values_list("preset", flat=True).distinct()
    tags = {tag for row in runs.exclude(tags=[]).values_list("tags", flat=True).distinct()[:500] for tag in row}
    return FilterChoices(
        owners=[(owner.username, str(owner)) for owner in owners], presets=list(presets), tags=sorted(tags)
    )


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


def _listed(person: Person, team: Team) -> QuerySet[Run]:
    return _shown(runs_visible_to(person).filter(Q(team=team) | Q(is_example=True)))


def _shown(query: QuerySet[Run]) -> QuerySet[Run]:
    share = Case(
        When(
            attempts_count__gt=0,
            then=ExpressionWrapper(
                Cast("successes", FloatField()) / Cast("attempts_count", FloatField()), output_field=FloatField()
            ),
        ),
        default=Value(-1.0),
        output_field=FloatField(),
    )
    return query.select_related("owner").defer("config").annotate(success_share=share)


def _narrowed(query: QuerySet[Run], filters: RunFilters) -> QuerySet[Run]:
    query = query.filter(archived_at__isnull=not filters.archived)
    if filters.status == "active":
        query = query.filter(status__in=ACTIVE_STATUSES)
    elif filters.status:
        query = query.filter(status=filters.status)
    if filters.owner:
        query = query.filter(owner__username=filters.owner)
    if filters.preset:
        query = query.filter(preset=filters.preset)
    if filters.tag:
        query = query.filter(tags__contains=[filters.tag])
    for word in filters.search.split():
        query = query.filter(
            Q(name__icontains=word) | Q(pk__istartswith=word) | Q(preset__icontains=word) | Q(tags__contains=[word])
        )
    return query


def _after(query: QuerySet[Run], field: str, descending: bool, cursor: str) -> QuerySet[Run]:
    place = _read_cursor(cursor, field)
    if place is None:
        return query
    value, pk = place
    way = "lt" if descending else "gt"
    return query.filter(Q(**{f"{field}__{way}": value}) | Q(**{field: value, f"pk__{way}": pk}))


def _cursor(run: Run, field: str) -> str:
    value = getattr(run, field)
    word = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([word, run.pk]).encode()).decode()


def _read_cursor(cursor: str, field: str) -> tuple[Any, str] | None:
    """The place after which a page begins; one that cannot be read (an old or edited address) is the first page."""
    if not cursor:
        return None
    try:
        value, pk = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        if field == "created_at":
            value = datetime.fromisoformat(value)
        elif field == "success_share":
            value = float(value)
        elif field == "step":
            value = int(value)
        else:
            value = str(value)
    except (binascii.Error, ValueError, TypeError):
        return None
    return value, str(pk)


def _levels_from(level: str) -> list[str]:
    order = ["debug", "info", "warning", "error"]
    return order[order.index(level) :] if level in order else order
