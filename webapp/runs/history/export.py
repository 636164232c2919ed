"""A view as CSV: its columns, of all runs that it finds. Numbers as they are, not as the page rounds them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone

from webapp.accounts.permissions import Person
from webapp.runs.history.fields import Field, Kind, subject_of
from webapp.runs.history.pages import RunsPage, page_of
from webapp.runs.history.state import ViewState
from webapp.runs.models import Run

PART: Final = 500
MOST_RUNS: Final = 50_000
"""Runs in one file; more are a matter for the database itself."""
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes text that begins so for a formula; an apostrophe in front makes it text."""


def as_csv(runs: QuerySet[Run], state: ViewState, person: Person) -> str:
    """The whole view with a line of heads.

    Raises:
        QueryError: the query cannot be read, or asks for something that is not there.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    columns = [name for name in state.columns if name not in ("curve", "id")]
    writer.writerow(["id", *(head for name in columns for head in _heads(name))])
    for page in _pages(runs, state, person):
        for run in page.runs:
            writer.writerow([run.pk, *(cell for name in columns for cell in _cells(name, run, page))])
    return out.getvalue()


def _pages(runs: QuerySet[Run], state: ViewState, person: Person) -> Iterator[RunsPage]:
    place = ""
    for _ in range(0, MOST_RUNS, PART):
        page = page_of(runs, state, person, place, PART)
        yield page
        place = page.after
        if not place:
            return


def _heads(name: str) -> Sequence[str]:
    subject = subject_of(name)
    if name in ("success", "held_out"):
        return (name, f"{name}_n", f"{name}_of")
    if isinstance(subject, Field) and subject.kind is Kind.SPAN:
        return (f"{name}_s",)
    return (name,)


def _cells(name: str, run: Run, page: RunsPage) -> Sequence[object]:
    subject = subject_of(name)
    if not isinstance(subject, Field):
        return (_safe(page.values[run.pk].get(subject.name)),)
    if name in SPECIAL:
        return SPECIAL[name](run)
    return (_safe(getattr(run, subject.path)),)


def _share(part: int, whole: int) -> Sequence[object]:
    return (part / whole if whole else "", part, whole)


def _seconds(run: Run) -> Sequence[object]:
    if run.started_at is None:
        return ("",)
    return (round(((run.finished_at or timezone.now()) - run.started_at).total_seconds(), 3),)


SPECIAL: Final[dict[str, Callable[[Run], Sequence[object]]]] = {
    "owner": lambda run: (_safe(run.owner.username),),
    "tag": lambda run: (_safe(",".join(run.tags)),),
    "success": lambda run: _share(run.successes, run.attempts_count),
    "held_out": lambda run: _share(run.held_out_successes, run.held_out_attempts),
    "ran": _seconds,
}


def _safe(value: Any) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return value if _is_number(value) else f"'{value}"
    return "" if value is None else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
