"""The list of runs over the API: the same query, order and columns as in the browser, so that both say the same."""

from __future__ import annotations

from typing import Annotated

from django.db.models import Q
from django.http import HttpRequest
from ninja import Schema
from ninja.errors import HttpError
from pydantic import Field

from webapp.api.people_auth import reading_person, visible_runs
from webapp.api.schemas import RunLine, RunPage
from webapp.runs.history.language import quoted
from webapp.runs.history.pages import page_of, whole_rows
from webapp.runs.history.state import DEFAULT_SORT, MAX_COLUMNS, MAX_SORTS, ViewState, is_sortable, names_in
from webapp.runs.models import RunStatus


class ListWanted(Schema):
    """What of the list is asked for; everything has a default."""

    q: str = ""
    """A query, such as `status:finished optimizer.lr>1e-6 metric.train/success>=0.5`."""
    sort: str = ""
    """Names to order by, the first first, parted by commas; `-` in front: the largest first."""
    columns: str = ""
    """Settings and metrics to tell of each run, parted by commas: `optimizer.lr,metric.train/success`."""
    after: str = ""
    """The `after` of the part before."""
    status: RunStatus | None = None
    tag: str = ""
    before: str = ""
    """The `next` of the part before; of the newest-first order only."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50


def list_runs(request: HttpRequest, wanted: ListWanted) -> RunPage:
    """A part of the list.

    Raises:
        QueryError: the query cannot be read, or asks for something that is not there.
        HttpError: `before` names no run that can be seen (404).
    """
    runs = visible_runs(request)
    if wanted.before:
        last = None if "\x00" in wanted.before else runs.filter(pk=wanted.before).first()
        if last is None:
            raise HttpError(404, f"There is no run {wanted.before[:20]} that you can see; check the id and your team.")
        runs = runs.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.pk))
    state = _state(wanted)
    page = page_of(runs, state, reading_person(request), wanted.after, wanted.limit, whole_rows)
    ordinary = state.sort == DEFAULT_SORT
    return RunPage(
        runs=[RunLine.of(run).model_copy(update={"values": page.values[run.pk]}) for run in page.runs],
        next=page.runs[-1].pk if page.after and ordinary else None,
        after=page.after or None,
    )


def _state(wanted: ListWanted) -> ViewState:
    terms = [wanted.q.strip()]
    if wanted.status is not None:
        terms.append(f"status:{wanted.status}")
    if wanted.tag:
        terms.append(f"tag:{quoted(wanted.tag)}")
    sort = [name for name in names_in(wanted.sort.split(","), signed=True) if is_sortable(name.removeprefix("-"))]
    return ViewState(
        q=" ".join(term for term in terms if term),
        columns=("name", *names_in(wanted.columns.split(",")))[:MAX_COLUMNS],
        sort=tuple(sort[:MAX_SORTS]) or DEFAULT_SORT,
    )
