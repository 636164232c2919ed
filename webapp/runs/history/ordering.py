"""The order of the list, by several columns at once, and the place in it after which a page begins.

A page is found by the values of the last row before it, so that a late page costs what the first one does. What has no
value comes last, whichever way a column is ordered. Knows expressions of the database; reads nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import (
    Case,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    FilteredRelation,
    FloatField,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.expressions import OrderBy
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from webapp.runs.history.fields import Field, Kind, Measure, Setting, Subject, subject_of
from webapp.runs.models import Run

ALWAYS_THERE: Final = frozenset({"id", "name", "status", "kind", "created_at"})
"""Columns of the row that are never empty."""

Cell = str | float | None
"""A value that a row is ordered by, as JSON keeps it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after the row with these values."""

    sort: tuple[str, ...]
    values: tuple[Cell, ...]
    pk: str
    at: datetime
    """The clock of the first page; running times are counted to it on all of them."""

    def word(self) -> str:
        """The place as an address has it."""
        parts = [list(self.sort), list(self.values), self.pk, self.at.isoformat()]
        return base64.urlsafe_b64encode(json.dumps(parts, allow_nan=False).encode()).decode()


@dataclass(frozen=True, slots=True)
class Part:
    """One comparison of the order; a setting has two, its number and (for what is no number) its words."""

    name: str
    """What the value is annotated as."""
    form: str
    descending: bool
    always: bool = False
    """Whether every run has it."""


def parts_of(sort: Sequence[str]) -> list[Part]:
    """The comparisons that an order consists of."""
    parts = []
    for number, word in enumerate(sort):
        subject, descending = subject_of(word.removeprefix("-")), word.startswith("-")
        always = isinstance(subject, Field) and subject.path in ALWAYS_THERE
        parts.append(Part(f"by_{number}", _form_of(subject), descending, always))
        if isinstance(subject, Setting):
            parts.append(Part(f"by_{number}_text", "text", descending))
    return parts


def read_place(word: str, sort: Sequence[str]) -> Place | None:
    """The place of an address; None for none, for one of another order, and for one that cannot be read."""
    try:
        names, cells, pk, at = json.loads(base64.urlsafe_b64decode(word.encode()))
        place = Place(tuple(names), tuple(cells), str(pk), datetime.fromisoformat(at))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        return None
    parts = parts_of(sort)
    known = place.sort == tuple(sort) and len(place.values) == len(parts) and place.at.tzinfo is not None
    if not known or not _is_text(place.pk):
        return None
    return place if all(_fits(part, cell) for part, cell in zip(parts, place.values, strict=True)) else None


def with_shares(runs: QuerySet[Run], now: datetime) -> QuerySet[Run]:
    """Runs with what is worked out of several columns, under the names that queries use."""
    return runs.alias(
        success=_share("successes", "attempts_count"),
        held_out=_share("held_out_successes", "held_out_attempts"),
        ran=ExpressionWrapper(Coalesce("finished_at", Value(now, DateTimeField())) - F("started_at"), DurationField()),
    )


def in_order(runs: QuerySet[Run], sort: Sequence[str], keys: Mapping[str, int]) -> QuerySet[Run]:
    """Runs in the order of these columns, then by id; each value is annotated under the name of its part."""
    for number, word in enumerate(sort):
        runs = _with_value(runs, f"by_{number}", word.removeprefix("-"), keys)
    order = [_order_by(part) for part in parts_of(sort)]
    return runs.order_by(*order, "-pk" if sort[0].startswith("-") else "pk")


def _order_by(part: Part) -> OrderBy:
    """What has no value comes last. What always has one is not said to: an index in its order can then be read."""
    if part.always:
        return F(part.name).desc() if part.descending else F(part.name).asc()
    return F(part.name).desc(nulls_last=True) if part.descending else F(part.name).asc(nulls_last=True)


def after(runs: QuerySet[Run], place: Place, *, known: bool = False) -> QuerySet[Run]:
    """Of ordered runs those that come after the place; `known` says that all of them have the first value."""
    same, found = Q(), Q(pk__in=[])
    parts = parts_of(place.sort)
    for part, cell in zip(parts, place.values, strict=True):
        if cell is None:
            same &= Q(**{f"{part.name}__isnull": True})
            continue
        value = _READERS[part.form](cell)
        further = Q(**{f"{part.name}__{'lt' if part.descending else 'gt'}": value})
        found |= same & (further | Q(**{f"{part.name}__isnull": True}))
        same &= Q(**{part.name: value})
    way = "lt" if place.sort[0].startswith("-") else "gt"
    runs = runs.filter(found | (same & Q(**{f"pk__{way}": place.pk})))
    first, cell = parts[0], place.values[0]
    if cell is None or not (known or first.always):
        return runs
    # Said once more, in words that an index understands.
    return runs.filter(**{f"{first.name}__{'lte' if first.descending else 'gte'}": _READERS[first.form](cell)})


def place_of(row: Mapping[str, Any], sort: Sequence[str], at: datetime) -> Place:
    """The place of a row, of which the values of `in_order` and `pk` were asked for."""
    return Place(tuple(sort), tuple(_as_cell(row[part.name]) for part in parts_of(sort)), row["pk"], at)


def settings_in(sort: Sequence[str]) -> set[str]:
    """Paths of the settings that are ordered by."""
    subjects = [subject_of(word.removeprefix("-")) for word in sort]
    return {subject.path for subject in subjects if isinstance(subject, Setting)}


def _with_value(runs: QuerySet[Run], name: str, by: str, keys: Mapping[str, int]) -> QuerySet[Run]:
    subject = subject_of(by)
    if isinstance(subject, Measure):
        relation = FilteredRelation("series", condition=Q(series__key=subject.key))
        runs = runs.alias(**{f"row_of_{name}": relation})
        return runs.annotate(**{name: F(f"row_of_{name}__last_value")})
    if isinstance(subject, Setting):
        key = keys.get(subject.path, 0)
        relation = FilteredRelation("settings", condition=Q(settings__key_id=key))
        runs = runs.alias(**{f"row_of_{name}": relation})
        number, text = F(f"row_of_{name}__number"), F(f"row_of_{name}__text")
        return runs.annotate(**{name: number, f"{name}_text": text})
    return runs.annotate(**{name: F(subject.path or subject.name)})


def _share(part: str, whole: str) -> Case:
    share = ExpressionWrapper(Cast(part, FloatField()) / Cast(whole, FloatField()), FloatField())
    return Case(When(**{f"{whole}__gt": 0}, then=share), default=None, output_field=FloatField())


def _as_cell(value: Any) -> Cell:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return None if value is None else value if isinstance(value, str) else float(value)


def _fits(part: Part, cell: object) -> bool:
    """Whether a cell of an address can be a value of this part; addresses are written by anybody."""
    if cell is None:
        return True
    if part.form in ("text", "time"):
        if not isinstance(cell, str) or not _is_text(cell):
            return False
    elif not isinstance(cell, int | float) or isinstance(cell, bool) or not math.isfinite(cell):
        return False
    try:
        _READERS[part.form](cell)
    except (ValueError, OverflowError):
        return False
    return True


def _is_text(word: str) -> bool:
    """Whether the database can be asked for it: JSON may hold halves of characters, and NUL."""
    return "\x00" not in word and not any("\ud800" <= letter <= "\udfff" for letter in word)


def _form_of(subject: Subject) -> str:
    if not isinstance(subject, Field):
        return "float"
    forms = {Kind.TIME: "time", Kind.SPAN: "span", Kind.SHARE: "float", Kind.NUMBER: "whole"}
    return forms.get(subject.kind, "text")


def _moment(cell: Any) -> datetime:
    moment = datetime.fromisoformat(cell)
    return moment if moment.tzinfo else timezone.make_aware(moment)


def _whole(cell: Any) -> int:
    if abs(cell) >= 2**31:
        raise ValueError(f"{cell} is larger than any column holds")
    return int(cell)


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "text": str,
    "float": float,
    "whole": _whole,
    "span": lambda cell: timedelta(seconds=cell),
    "time": _moment,
}
