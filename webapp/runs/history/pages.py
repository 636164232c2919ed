"""Pages of the list: which runs, in which order, with which values beside them. Scoped by whoever hands in the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from webapp.accounts.models import User
from webapp.accounts.permissions import Person
from webapp.runs.history.comparisons import series_model
from webapp.runs.history.conditions import Reading, UnknownField, condition, is_about, known_names, settings_named
from webapp.runs.history.fields import Field, Measure, Setting, subject_of
from webapp.runs.history.first_rows import first_rows
from webapp.runs.history.language import Query, parse
from webapp.runs.history.models import ConfigKey, RunSetting, RunStar
from webapp.runs.history.ordering import (
    place_of,
    read_place,
    settings_in,
    with_shares,
)
from webapp.runs.history.state import ViewState
from webapp.runs.models import Run, RunKind

PAGE_SIZE: Final = 50
MAX_ROWS_AT_ONCE: Final = 200
MOST_COUNTED: Final = 10_000
"""More runs than that are told as "more than"; to count them would cost more than their first page."""
RECENT_RUNS: Final = 200
"""Runs whose settings and metrics are offered: to look through all of them would take seconds."""
ALWAYS_SHOWN: Final = ("name", "kind", "tags", "is_example", "note", "status", "owner")
"""What every row tells, whatever its columns."""
MORE_PATHS: Final[dict[str, tuple[str, ...]]] = {
    "status": ("status", "status_reason"),
    "step": ("step", "total_steps"),
    "success": ("successes", "attempts_count"),
    "held_out": ("held_out_successes", "held_out_attempts"),
    "curve": ("sparkline",),
    "ran": ("started_at", "finished_at"),
}
"""Columns of the list that show several of the row's."""

RowLoader = Callable[[Sequence[str], Iterable[str]], list[Run]]

Value = str | float | None
"""What a setting (its words) or a metric (its number) of a run is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsPage:
    """One page of the list; `after` asks for the next one and is empty on the last."""

    runs: list[Run]
    after: str
    query: Query
    values: dict[str, dict[str, Value]] = field(default_factory=dict)
    """Settings and metrics that are columns: by run, then by the column's name."""
    starred: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    """Names of columns and orders that no run has anything for."""


def page_of(
    runs: QuerySet[Run],
    state: ViewState,
    person: Person,
    place: str = "",
    size: int | None = None,
    load: RowLoader | None = None,
) -> RunsPage:
    """A page of these runs by keyset: its cost does not grow with the page's number.

    `load` brings the rows of some ids; without it they have what the view's columns show and no more.

    Raises:
        QueryError: the query cannot be read, or asks for something that is not there.
    """
    size = size or PAGE_SIZE
    begin = read_place(place, state.sort) if place else None
    now = begin.at if begin else timezone.now()
    query = parse(state.q)
    keys = _keys({*settings_named(query), *settings_in(state.sort), *_settings(state.columns)})
    # First only what is ordered by, of however many runs there are; then whole rows, of those on the page.
    found = first_rows(narrowed(runs, query, person, now, keys), state.sort, keys, begin, size + 1)
    more, found = len(found) > size, found[:size]
    ids = [row["pk"] for row in found]
    return RunsPage(
        runs=(load or rows_of)(ids, state.columns),
        after=place_of(found[-1], state.sort, now).word() if more else "",
        query=query,
        values=values_of(ids, state.columns, keys),
        starred=stars_of(person, ids),
        missing=tuple(sorted({*_settings(state.columns), *settings_in(state.sort)} - keys.keys())),
    )


def rows_of(ids: Sequence[str], columns: Iterable[str]) -> list[Run]:
    """The rows of these runs, in this order, with what these columns show of them."""
    if not ids:
        return []
    wanted = {*ALWAYS_SHOWN, *(path for name in columns for path in shown_paths(name))}
    rows = Run.objects.filter(pk__in=ids).only(*wanted).prefetch_related("owner").in_bulk()
    return [rows[pk] for pk in ids if pk in rows]


def whole_rows(ids: Sequence[str], columns: Iterable[str]) -> list[Run]:
    """The rows of these runs with everything but their configs, and their teams."""
    rows = Run.objects.filter(pk__in=ids).defer("config").select_related("team", "owner").in_bulk() if ids else {}
    return [rows[pk] for pk in ids if pk in rows]


def shown_paths(name: str) -> tuple[str, ...]:
    """The columns of the row that a column of the list shows."""
    subject = subject_of(name)
    if not isinstance(subject, Field):
        return ()
    return MORE_PATHS.get(name) or ((subject.path.removesuffix("__username"),) if subject.path else ())


def narrowed(
    runs: QuerySet[Run], query: Query, person: Person, now: datetime, keys: dict[str, int] | None = None
) -> QuerySet[Run]:
    """The runs that a query is about; archived ones and try-outs only where it asks for them.

    Raises:
        QueryError: the query asks for something that is not there.
    """
    known = _keys(settings_named(query)) if keys is None else keys
    reading = Reading(person=person if isinstance(person, User) else None, now=now, settings=known)
    try:
        wanted = condition(query, reading)
    except UnknownField as error:
        error.suggestion = nearest_name(runs, query.text[error.start : error.end])
        raise
    if not is_about(query, "is", "archived"):
        wanted &= Q(archived_at__isnull=True)
    if not is_about(query, "kind", RunKind.TRY.value):
        wanted &= ~Q(kind=RunKind.TRY)
    return with_shares(runs, now).filter(wanted)


def count_of(runs: QuerySet[Run], state: ViewState, person: Person) -> int:
    """How many runs the query finds, counted up to one more than `MOST_COUNTED`.

    Raises:
        QueryError: as for the page.
    """
    found = narrowed(runs, parse(state.q), person, timezone.now())
    return found.order_by()[: MOST_COUNTED + 1].count()


def fresh_of(runs: QuerySet[Run], state: ViewState, person: Person, since: datetime) -> int:
    """How many of the runs that the query finds were made after a moment.

    Raises:
        QueryError: as for the page.
    """
    return narrowed(runs.filter(created_at__gt=since), parse(state.q), person, timezone.now()).count()


def page_by_ids(runs: QuerySet[Run], ids: Sequence[str], columns: Sequence[str], person: Person) -> RunsPage:
    """Rows that are on somebody's page already, as far as these runs hold them."""
    wanted = [pk for pk in ids[:MAX_ROWS_AT_ONCE] if "\x00" not in pk]
    seen = list(runs.filter(pk__in=wanted).values_list("pk", flat=True))
    return RunsPage(
        runs=rows_of(seen, columns),
        after="",
        query=parse(""),
        values=values_of(seen, columns, keys_of_columns(columns)),
        starred=stars_of(person, seen),
    )


def values_of(ids: Sequence[str], columns: Iterable[str], keys: dict[str, int]) -> dict[str, dict[str, Value]]:
    """Settings and latest metrics of some runs, for the columns that are such."""
    found: dict[str, dict[str, Value]] = {pk: {} for pk in ids}
    subjects = [subject_of(name) for name in columns]
    paths = {keys[one.path]: one.name for one in subjects if isinstance(one, Setting) and one.path in keys}
    if paths and ids:
        rows = RunSetting.objects.filter(run_id__in=ids, key_id__in=paths).values_list("run_id", "key_id", "text")
        for run_id, key_id, text in rows:
            found[run_id][paths[key_id]] = text
    measures = [one.key for one in subjects if isinstance(one, Measure)]
    if measures and ids:
        series: QuerySet[Any] = series_model()._default_manager.filter(run_id__in=ids, key__in=measures)
        for run_id, key, value in series.values_list("run_id", "key", "last_value"):
            found[run_id][Measure(key).name] = value
    return found


def stars_of(person: Person, ids: Iterable[str]) -> frozenset[str]:
    """Which of these runs the person has starred."""
    if not isinstance(person, User):
        return frozenset()
    return frozenset(RunStar.objects.filter(person=person, run_id__in=list(ids)).values_list("run_id", flat=True))


def nearest_name(runs: QuerySet[Run], word: str) -> str | None:
    """The name that was probably meant."""
    bare = word.strip('"')
    names = [*known_names(), *setting_paths(runs)]
    near = get_close_matches(bare, names, 1, cutoff=0.6)
    if near:
        return near[0]
    # "lr" for optimizer.lr: the last part is what people remember.
    return next((name for name in names if name.rpartition(".")[2] == bare), None)


def setting_paths(runs: QuerySet[Run], containing: str = "") -> list[str]:
    """Keys of settings that the newest of these runs have."""
    ids = list(runs.order_by("-created_at").values_list("pk", flat=True)[:RECENT_RUNS])
    keys = RunSetting.objects.filter(run_id__in=ids).values("key_id").distinct()
    return list(
        ConfigKey.objects.filter(pk__in=keys, path__icontains=containing)
        .order_by("path")
        .values_list("path", flat=True)
    )


def metric_keys(runs: QuerySet[Run], containing: str = "") -> list[str]:
    """Keys of metrics that the newest of these runs logged."""
    ids = list(runs.order_by("-created_at").values_list("pk", flat=True)[:RECENT_RUNS])
    series: QuerySet[Any] = series_model()._default_manager.filter(run_id__in=ids, key__icontains=containing)
    return list(series.order_by("key").values_list("key", flat=True).distinct())


def keys_of_columns(names: Iterable[str]) -> dict[str, int]:
    """Ids of the settings among some columns."""
    return _keys(_settings(names))


def _settings(names: Iterable[str]) -> set[str]:
    return {subject.path for subject in map(subject_of, names) if isinstance(subject, Setting)}


def _keys(paths: Iterable[str]) -> dict[str, int]:
    wanted = set(paths)
    return dict(ConfigKey.objects.filter(path__in=wanted).values_list("path", "id")) if wanted else {}
