"""Comparing: equal, above, below, between, for anything that has an order; with it settings and metrics of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any, Final

from django.apps import apps
from django.db.models import Model, Q, QuerySet

from webapp.runs.history import values
from webapp.runs.history.fields import Measure
from webapp.runs.history.language import Piece, QueryError, Term
from webapp.runs.history.models import RunSetting
from webapp.runs.history.values import Bounds

ANY: Final = "*"
"""Stands for whatever value there is."""
NOTHING: Final = Q(pk__in=[])

Lookups = Mapping[str, Any]
"""Conditions on one value, by Django's words for them: `{"gt": 3}`."""


def series_model() -> type[Model]:
    """The rows of latest metrics, by the relation that the app of metrics gives to a run; nothing of it is imported."""
    return apps.get_model("metrics", "Series")


def of_measure(term: Term, measure: Measure) -> Q:
    """The latest value of a metric; a run that never logged it is on neither side."""
    series = series_model()._default_manager.filter(key=measure.key)

    def among(lookup: Lookups) -> Q:
        rows: QuerySet[Any] = series.filter(**{f"last_value__{way}": value for way, value in lookup.items()})
        return Q(pk__in=rows.values("run_id"))

    return ordered(term, lambda piece: point(values.number(piece)), among, Q(pk__in=series.values("run_id")))


def of_setting(term: Term, key: int) -> Q:
    """A setting's value: a number where both are numbers, else the words of it (`:` contained, `=` the whole)."""
    rows = RunSetting.objects.filter(key_id=key)

    def among(lookup: Lookups) -> Q:
        found = rows.filter(**{f"number__{way}": value for way, value in lookup.items()})
        return Q(pk__in=found.values("run_id"))

    if term.operator in (">", ">=", "<", "<=") or _is_range(term):
        return ordered(term, lambda piece: point(values.number(piece)), among, NOTHING)
    way = "icontains" if term.operator == ":" else "iexact"
    same = Q()
    for value in term.values:
        as_number = None if value.quoted else values.as_number(value.text)
        if value.text == ANY:
            same |= Q(text__isnull=False)
        elif as_number is not None:
            same |= Q(number=as_number)
        else:
            same |= Q(**{f"text__{way}": value.text})
    found = rows.exclude(same) if term.operator == "!=" else rows.filter(same)
    return Q(pk__in=found.values("run_id"))


def _is_range(term: Term) -> bool:
    """Whether the one value is two numbers with ".." between; a path may have dots as well."""
    ends = [values.as_number(end) for end in term.values[0].text.split(values.RANGE)]
    return len(term.values) == 1 and term.operator in (":", "=") and len(ends) == 2 and None not in ends


def ordered(term: Term, read: Callable[[Piece], Bounds], where: Callable[[Lookups], Q], present: Q) -> Q:
    """A comparison of values that have an order; `where` makes a condition of lookups on the value."""
    if term.operator in (":", "=", "!="):
        found = either(_equal(value, read, where, present) for value in term.values)
        return present & ~found if term.operator == "!=" else found
    if len(term.values) > 1:
        raise unusable(term, f"“{term.operator}” compares with one value; take the others away.")
    bounds = read(term.values[0])
    # A day is a stretch: after it means after its end, before it before its beginning.
    end = "gte" if not bounds.closed else "gt"
    within = "lt" if not bounds.closed else "lte"
    return where(
        {
            ">": {end: bounds.high},
            ">=": {"gte": bounds.low},
            "<": {"lt": bounds.low},
            "<=": {within: bounds.high},
        }[term.operator]
    )


def _equal(value: Piece, read: Callable[[Piece], Bounds], where: Callable[[Lookups], Q], present: Q) -> Q:
    if value.text == ANY:
        return present
    ends = values.ends_of_range(value)
    if ends is None:
        bounds = read(value)
        low, high, closed = bounds.low, bounds.high, bounds.closed
    else:
        first, last = read(ends[0]), read(ends[1])
        low, high, closed = first.low, last.high, last.closed
    return where({"exact": low} if low == high else {"gte": low, ("lte" if closed else "lt"): high})


def point(value: Any) -> Bounds:
    """One value as bounds."""
    return Bounds(value, value)


def either(found: Iterable[Q]) -> Q:
    """Any of the conditions, of which there is one at least."""
    return reduce(or_, found)


def unusable(term: Term, message: str, suggestion: str | None = None) -> QueryError:
    """What is wrong with a whole term, or with its field where there is a better one."""
    assert term.field is not None, "free words are never compared"
    end = term.field.end if suggestion else term.end
    return QueryError(message, term.field.start, end, suggestion)
