"""The list of runs: the home page, its rows as fragments, and the way to the example."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team, setup_state
from webapp.runs.models import RunStatus
from webapp.runs.presets import FIRST
from webapp.runs.selectors import (
    DEFAULT_SORT,
    SORTS,
    RunFilters,
    example_run_visible_to,
    filter_choices_visible_to,
    runs_by_id_visible_to,
    runs_page_visible_to,
    team_load_visible_to,
)


@signed_in
def run_list(request: PersonRequest) -> HttpResponse:
    """The team's runs; everything about the view of them is in the address."""
    team = current_team(request)
    if team is None:
        return render(request, "runs/no_team.html", {"section": "runs"})
    filters = _filters(request)
    page = runs_page_visible_to(request.user, team, filters, request.GET.get("after", ""))
    context = {
        "section": "runs",
        "filters": filters,
        "page": page,
        "first_page": not request.GET.get("after"),
        "statuses": RunStatus.choices,
        "choices": filter_choices_visible_to(request.user, team),
        "load": team_load_visible_to(request.user, team),
        "example": example_run_visible_to(request.user),
        "first_preset": FIRST,
    }
    return render(request, "runs/list.html", context)


@signed_in
def rows(request: PersonRequest) -> HttpResponse:
    """Rows that are already on somebody's page, as they are now: the page puts each in the place of its old self."""
    ids = [word for word in request.GET.get("ids", "").split(",") if word]
    context = {"runs": runs_by_id_visible_to(request.user, ids)}
    return render(request, "runs/parts/rows.html", context)


@signed_in
def example(request: PersonRequest) -> HttpResponse:
    """Go to the recorded example run, or home when there is none."""
    run = example_run_visible_to(request.user)
    return redirect("runs:detail", run.pk) if run else redirect("runs:list")


@signed_in
def setup(request: PersonRequest) -> JsonResponse:
    """How far the installation of the engine is, for the banner."""
    return JsonResponse(setup_state() or {"done": True, "percent": 100, "message": "", "error": "", "phase": ""})


def _filters(request: PersonRequest) -> RunFilters:
    words = request.GET
    sort = words.get("sort", DEFAULT_SORT)
    status = words.get("status", "")
    return RunFilters(
        search=words.get("q", "").strip()[:200],
        status=status if status in {*RunStatus.values, "active"} else "",
        owner=words.get("owner", ""),
        preset=words.get("preset", ""),
        tag=words.get("tag", ""),
        archived=words.get("archived") == "1",
        sort=sort if sort.removeprefix("-") in SORTS else DEFAULT_SORT,
    )
