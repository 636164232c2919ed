"""The list of runs: the home page, its rows and counts as fragments, and the way to the example."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team, setup_state
from webapp.runs.access import runs_of_team_visible_to, runs_visible_to
from webapp.runs.history.fields import DEFAULT_COLUMNS
from webapp.runs.history.groups import groups_of
from webapp.runs.history.language import QueryError
from webapp.runs.history.pages import MOST_COUNTED, count_of, fresh_of, page_by_ids, page_of
from webapp.runs.history.saved import first_view_of, name_of_view
from webapp.runs.history.state import DEFAULT_SORT, ViewState
from webapp.runs.models import Run
from webapp.runs.presets import FIRST
from webapp.runs.selectors import example_run_visible_to, load_of
from webapp.runs.views.list_tools import chips_of, heads_of, said_of, toggles_of

UNREADABLE = 422
"""Answered to a query that cannot be read; the page shows where and why."""


@signed_in
def run_list(request: PersonRequest) -> HttpResponse:
    """The team's runs; everything about the view of them is in the address."""
    team = current_team(request)
    if team is None:
        return render(request, "runs/no_team.html", {"section": "runs"})
    if not request.GET and (first := first_view_of(request.user, team)) is not None:
        return redirect(f"{reverse('runs:list')}?{first.state or 'q='}")
    state = ViewState.of(request.GET)
    if "col" in request.GET:  # a form has one parameter for each column; an address to be sent around has one for all
        return redirect(f"{reverse('runs:list')}{state.address()}")
    runs = runs_of_team_visible_to(request.user, team)
    context = {
        "section": "runs",
        "state": state,
        "usual_columns": DEFAULT_COLUMNS,
        "usual_sort": DEFAULT_SORT,
        "load": load_of(runs, team),
        "first_preset": FIRST,
        "at": timezone.now(),
        "first_page": not request.GET.get("after"),
        "view_name": name_of_view(request.user, team, state.parameters()),
    }
    try:
        found = _found(request, runs, state)
    except QueryError as error:
        context |= said_of(error, state.q, lambda q: state.address(q=q))
        return render(request, "runs/list.html", context, status=UNREADABLE)
    return render(request, "runs/list.html", context | found)


def _found(request: PersonRequest, runs: QuerySet[Run], state: ViewState) -> dict[str, object]:
    if state.group:
        groups = groups_of(runs, state, request.user)
        return {"groups": groups, "chips": chips_of(groups.query, state), "toggles": toggles_of(groups.query, state)}
    page = page_of(runs, state, request.user, request.GET.get("after", ""))
    return {
        "page": page,
        "heads": heads_of(state),
        "chips": chips_of(page.query, state),
        "toggles": toggles_of(page.query, state),
    }


@signed_in
def rows(request: PersonRequest) -> HttpResponse:
    """Rows that are already on somebody's page, as they are now: the page puts each in the place of its old self."""
    ids = [word for word in request.GET.get("ids", "").split(",") if word]
    state = ViewState.of(request.GET)
    page = page_by_ids(runs_visible_to(request.user), ids, state.columns, request.user)
    return render(request, "runs/parts/rows.html", {"page": page, "state": state})


@signed_in
def count(request: PersonRequest) -> HttpResponse:
    """How many runs the view finds, in words; asked for after the page, which need not wait for it."""
    team = current_team(request)
    try:
        found = (
            count_of(runs_of_team_visible_to(request.user, team), ViewState.of(request.GET), request.user)
            if team
            else 0
        )
    except QueryError as error:
        return HttpResponse(str(error), status=UNREADABLE, content_type="text/plain")
    words = f"more than {MOST_COUNTED:,}" if found > MOST_COUNTED else f"{found:,}"
    return HttpResponse(f"{words} run{'' if found == 1 else 's'}", content_type="text/plain")


@signed_in
def fresh(request: PersonRequest) -> JsonResponse:
    """How many runs that the view finds were made since a moment, for the pill above the list."""
    team = current_team(request)
    since = _moment(request.GET.get("since", ""))
    if team is None or since is None or since.tzinfo is None:
        return JsonResponse({"count": 0, "detail": "since is no moment with a time zone"}, status=400)
    runs = runs_of_team_visible_to(request.user, team)
    try:
        return JsonResponse({"count": fresh_of(runs, ViewState.of(request.GET), request.user, since)})
    except QueryError as error:
        return JsonResponse({"count": 0, "detail": str(error)}, status=UNREADABLE)


def _moment(word: str) -> datetime | None:
    try:
        return parse_datetime(word[:40])
    except ValueError:  # it looks like a moment, and there is none such
        return None


@signed_in
def example(request: PersonRequest) -> HttpResponse:
    """Go to the recorded example run, or home when there is none."""
    run = example_run_visible_to(request.user)
    return redirect("runs:detail", run.pk) if run else redirect("runs:list")


@signed_in
def setup(request: PersonRequest) -> JsonResponse:
    """How far the installation of the engine is, for the banner."""
    return JsonResponse(setup_state() or {"done": True, "percent": 100, "message": "", "error": "", "phase": ""})
