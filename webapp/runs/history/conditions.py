"""Terms of a query as conditions on rows. Scoping to what a person may see is the caller's; reads nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import reduce
from math import ceil, floor
from operator import and_
from typing import Final

from django.db.models import Q, QuerySet

from webapp.accounts.models import User
from webapp.runs.access import runs_visible_to
from webapp.runs.history import values
from webapp.runs.history.comparisons import (
    ANY,
    NOTHING,
    Lookups,
    either,
    of_measure,
    of_setting,
    ordered,
    point,
    unusable,
)
from webapp.runs.history.fields import FIELDS, Field, Kind, Measure, Setting, subject_of
from webapp.runs.history.language import Piece, Query, QueryError, Term, quoted
from webapp.runs.history.models import RunStar
from webapp.runs.history.values import Bounds
from webapp.runs.models import ACTIVE_STATUSES, ENDED_STATUSES, Checkpoint, Run

EVERYTHING: Final = ~NOTHING
LARGEST_INTEGER: Final = 2**31 - 1
SHORTEST_ID: Final = 4
"""Letters that a word must have to be read as how an id begins, as for git; "2" would find one run in 32 by chance."""


class UnknownField(QueryError):
    """A name that no field, setting or metric has; whoever can read the database may know one like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a query is read with: who asks, when, and which settings there are."""

    person: User | None
    now: datetime
    settings: Mapping[str, int]
    """Ids of the config's keys, by their path; of those that the query names, at least."""


def is_about(query: Query, field: str, *words: str) -> bool:
    """Whether a term asks for this field (and one of these words, where some are given)."""
    return any(
        term.field is not None
        and term.field.text == field
        and (not words or any(value.text.lower() in words for value in term.values))
        for term in query.terms
    )


def settings_named(query: Query) -> set[str]:
    """Paths of the settings that the query's terms are about."""
    subjects = [subject_of(term.field.text) for term in query.terms if term.field is not None]
    return {subject.path for subject in subjects if isinstance(subject, Setting)}


def condition(query: Query, reading: Reading) -> Q:
    """All terms of the query together.

    Raises:
        QueryError: a field is not known, or a value does not fit its field.
    """
    return reduce(and_, (_signed(term, reading) for term in query.terms), Q())


def _signed(term: Term, reading: Reading) -> Q:
    found = _of_term(term, reading)
    return ~found if term.negated else found


def _of_term(term: Term, reading: Reading) -> Q:
    if term.field is None:
        return either(_free_word(value.text) for value in term.values)
    subject = subject_of(term.field.text)
    if isinstance(subject, Setting):
        if subject.path not in reading.settings:
            raise UnknownField(
                f"There is no field “{term.field.text}”, and no run has such a setting.",
                term.field.start, term.field.end,
            )  # fmt: skip
        return of_setting(term, reading.settings[subject.path])
    if isinstance(subject, Measure):
        return of_measure(term, subject)
    return _of_field(term, subject, reading)


def _free_word(word: str) -> Q:
    found = Q(name__icontains=word) | Q(preset__icontains=word) | Q(tags__contains=[word]) | Q(note__icontains=word)
    return found | Q(pk__istartswith=word) if len(word) >= SHORTEST_ID else found


def _of_field(term: Term, field: Field, reading: Reading) -> Q:
    if not field.asked:
        raise unusable(term, f"“{field.name}” is a picture and cannot be asked for; use success instead.", "success")
    if field.kind is Kind.TEXT:
        return _text(term, field)
    if field.kind is Kind.WORD:
        _only(term, field, ":", "=", "!=")
        words = either(_word(term, field, value, reading) for value in term.values)
        return ~words if term.operator == "!=" else words
    return ordered(term, _reader_of(field, reading.now), lambda lookups: _row_lookup(field, lookups), _present(field))


def _text(term: Term, field: Field) -> Q:
    _only(term, field, ":", "=", "!=")
    way = {"id": "istartswith"}.get(field.name, "icontains") if term.operator == ":" else "iexact"
    found = either(
        ~Q(**{field.path: ""}) if value.text == ANY else Q(**{f"{field.path}__{way}": value.text})
        for value in term.values
    )
    return ~found if term.operator == "!=" else found


def _word(term: Term, field: Field, value: Piece, reading: Reading) -> Q:
    word = value.text
    if field.values and word.lower() not in field.values and word != ANY:
        near = get_close_matches(word.lower(), field.values, 1)
        raise QueryError(
            f"“{word}” is no {field.name}; it can be {_listed(field.values)}.",
            value.start, value.end, near[0] if near else None,
        )  # fmt: skip
    special = SPECIAL.get(field.name)
    if special is not None:
        return special(word, reading)
    if word == ANY:
        return ~Q(**{field.path: ""}) & Q(**{f"{field.path}__isnull": False})
    return Q(**{f"{field.path}__iexact": word})


def _status(word: str, reading: Reading) -> Q:
    groups = {"active": ACTIVE_STATUSES, "ended": ENDED_STATUSES}
    if word == ANY:
        return EVERYTHING
    return Q(status__in=groups.get(word.lower(), (word.lower(),)))


def _owner(word: str, reading: Reading) -> Q:
    if word.lower() == "me" and reading.person is not None:
        return Q(owner=reading.person)
    return EVERYTHING if word == ANY else Q(owner__username__iexact=word)


def _tag(word: str, reading: Reading) -> Q:
    return ~Q(tags=[]) if word == ANY else Q(tags__contains=[word])


def _is(word: str, reading: Reading) -> Q:
    return {
        "active": Q(status__in=ACTIVE_STATUSES),
        "ended": Q(status__in=ENDED_STATUSES),
        "starred": Q(pk__in=RunStar.objects.filter(person=reading.person).values("run_id"))
        if reading.person
        else NOTHING,
        "mine": Q(owner=reading.person) if reading.person else NOTHING,
        "archived": Q(archived_at__isnull=False),
        "example": Q(is_example=True),
    }.get(word.lower(), EVERYTHING)


def _has(word: str, reading: Reading) -> Q:
    return {
        "note": ~Q(note=""),
        "tags": ~Q(tags=[]),
        "checkpoint": Q(pk__in=Checkpoint.objects.values("run_id")),
        "parent": Q(parent__isnull=False),
        "children": Q(pk__in=_seen_by(reading).filter(parent__isnull=False).values("parent_id")),
        "faults": Q(faults_count__gt=0),
    }.get(word.lower(), EVERYTHING)


def _seen_by(reading: Reading) -> QuerySet[Run]:
    """Runs that the person may see: what another team cloned is not told."""
    return runs_visible_to(reading.person) if reading.person else Run.objects.none()


SPECIAL: Final[dict[str, Callable[[str, Reading], Q]]] = {
    "status": _status,
    "owner": _owner,
    "tag": _tag,
    "is": _is,
    "has": _has,
}


def _row_lookup(field: Field, lookups: Lookups) -> Q:
    if field.kind is Kind.NUMBER:
        whole = _whole(lookups)
        return NOTHING if whole is None else Q(**{f"{field.path}__{way}": value for way, value in whole.items()})
    name = field.path or field.name
    # What has no value is on neither side, and on the other one of a term that is turned round.
    return _present(field) & Q(**{f"{name}__{way}": value for way, value in lookups.items()})


def _whole(lookups: Lookups) -> dict[str, int] | None:
    """The lookups for a column of whole numbers; None where no whole number can fit."""
    rounding = {"gt": floor, "lte": floor, "gte": ceil, "lt": ceil}
    found: dict[str, int] = {}
    for way, value in lookups.items():
        inside = max(-LARGEST_INTEGER, min(LARGEST_INTEGER, value))
        if way == "exact" and inside != int(inside):
            return None
        found[way] = rounding.get(way, int)(inside)
    return found


def _present(field: Field) -> Q:
    return Q(**{f"{field.path or field.name}__isnull": False})


def _reader_of(field: Field, now: datetime) -> Callable[[Piece], Bounds]:
    if field.kind is Kind.TIME:
        return lambda piece: values.moment(piece, now)
    if field.kind is Kind.SPAN:
        return lambda piece: point(timedelta(seconds=values.span(piece)))
    if field.kind is Kind.SHARE:
        return lambda piece: point(values.share(piece))
    return lambda piece: point(values.number(piece))


def _only(term: Term, field: Field, *operators: str) -> None:
    if term.operator not in operators:
        raise unusable(
            term, f"“{field.name}” has no order, so “{term.operator}” says nothing; use {field.name}:{_said(term)}."
        )


def _said(term: Term) -> str:
    return ",".join(quoted(value.text) for value in term.values)


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def known_names() -> list[str]:
    """Names of the fields that a query may use."""
    return [field.name for field in FIELDS.values() if field.asked]
