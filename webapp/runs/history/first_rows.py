"""The first of many runs in an order, read so that an index can give them. Knows orders; no page and no person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import F, QuerySet

from webapp.runs.history.fields import Measure, subject_of
from webapp.runs.history.ordering import Place, after, in_order, parts_of
from webapp.runs.models import Run

Row = dict[str, Any]
"""`pk` of a run, and what it is ordered by."""


def first_rows(
    runs: QuerySet[Run], sort: Sequence[str], keys: Mapping[str, int], begin: Place | None, count: int
) -> list[Row]:
    """The first so many of these runs after a place, in the order of these columns; `keys` are ids of settings."""
    ordered = in_order(runs, sort, keys)
    names = ["pk", *(part.name for part in parts_of(sort))]
    if isinstance(subject_of(sort[0].removeprefix("-")), Measure):
        return _by_metric(ordered, sort, begin, count, names)
    if begin is not None:
        ordered = after(ordered, begin)
    return list(ordered.values(*names)[:count])


def _by_metric(
    ordered: QuerySet[Run], sort: Sequence[str], begin: Place | None, count: int, names: Sequence[str]
) -> list[Row]:
    """The index of latest values has the runs in this order, but not those without a value: they are asked for apart,
    and only when it is their turn."""
    first = parts_of(sort)[0]
    found: list[Row] = []
    if begin is None or begin.values[0] is not None:
        known = ordered.filter(**{f"{first.name}__isnull": False})
        known = known if begin is None else after(known, begin, known=True)
        by_value = F(first.name).desc() if first.descending else F(first.name).asc()
        found = list(known.order_by(by_value, *ordered.query.order_by[1:]).values(*names)[:count])
    if len(found) < count:
        unknown = ordered.filter(**{f"{first.name}__isnull": True})
        unknown = unknown if begin is None else after(unknown, begin)
        found += unknown.values(*names)[: count - len(found)]
    return found
