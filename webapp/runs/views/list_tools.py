"""What stands above and on top of the list: chips, quick filters, heads of columns, and what is wrong with a query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from webapp.runs.history.fields import subject_of
from webapp.runs.history.language import Query, QueryError
from webapp.runs.history.state import ViewState, is_sortable
from webapp.runs.templatetags.run_rows import stands_right

TOGGLES: Final = (
    ("Active", "is:active"),
    ("Mine", "is:mine"),
    ("Starred", "is:starred"),
    ("Failed", "status:failed,lost"),
    ("Archived", "is:archived"),
    ("Try-outs", "kind:try"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One term of the query, and the address of the list without it (or with it)."""

    words: str
    address: str
    on: bool = True
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a column and what a press on it leads to."""

    name: str
    heading: str
    right: bool
    address: str = ""
    """Ordered by this column alone; empty where it cannot be."""
    also: str = ""
    """The order by it after the columns that are ordered by already."""
    place: int = 0
    """Which of several orders it is, from 1; 0 for none."""
    descending: bool = False
    several: bool = False
    """Whether the list is ordered by more than one column, so that the place is worth telling."""


def chips_of(query: Query, state: ViewState) -> list[Chip]:
    """The terms of the query, save those that a quick filter shows already."""
    quick = {term for _, term in TOGGLES}
    return [
        Chip(words=query.written(term), address=state.address(q=query.without(term)), negated=term.negated)
        for term in query.terms
        if query.written(term) not in quick
    ]


def toggles_of(query: Query, state: ViewState) -> list[Chip]:
    """The quick filters, on or off."""
    written = {query.written(term): term for term in query.terms}
    return [
        Chip(
            words=words,
            on=term in written,
            address=state.address(q=query.without(written[term]) if term in written else f"{state.q} {term}".strip()),
        )
        for words, term in TOGGLES
    ]


def heads_of(state: ViewState) -> list[Head]:
    """The heads of the view's columns."""
    return [_head(name, state) for name in state.columns]


def said_of(error: QueryError, q: str, address_of: Callable[[str], str]) -> dict[str, object]:
    """What a page shows of a query that cannot be read: the place, the reason, and the way out.

    `address_of` is the page's address with another query in it.
    """
    mended = error.mended(q)
    start, end = min(error.start, len(q)), min(error.end, len(q))
    return {
        "error": error,
        "before": q[:start],
        "wrong": q[start:end],
        "behind": q[end:],
        "mended": address_of(mended) if mended is not None else "",
        "suggestion": error.suggestion,
    }


def _head(name: str, state: ViewState) -> Head:
    heading, right = subject_of(name).heading, stands_right(name)
    if not is_sortable(name):
        return Head(name=name, heading=heading, right=right)
    found = state.ordered_by(name)
    return Head(
        name=name,
        heading=heading,
        right=right,
        address=state.address(sort=state.sort_by(name)),
        also=",".join(state.sort_by(name, also=True)),
        place=found[0] if found else 0,
        descending=bool(found and found[1]),
        several=len(state.sort) > 1,
    )
