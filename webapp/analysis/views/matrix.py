"""The page of tasks against runs, and the panel with one task's history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.models import Team
from webapp.accounts.permissions import can_run
from webapp.analysis.address import WHEN, MatrixAsk, clean, query_of, read_matrix
from webapp.analysis.cells import ORDERS
from webapp.analysis.chosen import (
    MOST_RUNS,
    RECENT,
    Chosen,
    runs_named_visible_to,
    runs_with_tries_visible_to,
    with_found_visible_to,
)
from webapp.analysis.counts import SETS, of_task, width_of
from webapp.analysis.figures import NamedCounts, draw_history, folded, names_of
from webapp.analysis.history import history_of
from webapp.analysis.matrix import matrix_of
from webapp.analysis.strokes import strokes_of
from webapp.runs.counting import counting_of
from webapp.runs.history.language import QueryError
from webapp.runs.views.list_tools import said_of
from webapp.runs.views.listing import UNREADABLE

SECTION = "tasks"
SET_WORDS = {
    "measured": "Measured tries (validation, evaluation)",
    "train": "Rollouts of the training",
    "held_out": "Held-out tasks, measured",
    "validation_train": "Training tasks, measured",
    "evaluation": "Evaluations",
    "selection": "Tries before the training, to choose tasks",
    "all": "All tries together",
}


@require_safe
@signed_in
def page(request: PersonRequest) -> HttpResponse:
    """Tasks against runs; everything about the view is in the address."""
    team = current_team(request)
    if team is None:
        return redirect("runs:list")
    ask = read_matrix(request.GET, counting_of(request))
    offered = runs_with_tries_visible_to(request.user, team)
    chosen = runs_named_visible_to(request.user, list(ask.ids))
    if ask.ids and not chosen.runs and not ask.query:
        raise Http404("None of these runs is there, or they belong to teams that you are not in.")
    try:
        chosen = with_found_visible_to(request.user, team, chosen, ask.query) if ask.query else chosen
    except QueryError as error:
        said = said_of(error, ask.query, lambda q: f"?{_with_query(request, q)}")
        context = _context(request, team, ask, chosen, offered) | said | {"every_run": f"?{_with_query(request, '')}"}
        return render(request, "analysis/matrix.html", context, status=UNREADABLE)
    usual = not ask.ids and not ask.query
    if usual:
        # Time runs from left to right, so that a regression is what the last column lost.
        chosen = Chosen(runs=tuple(reversed(offered[:RECENT])))
        ask = replace(ask, ids=tuple(chosen.ids))
    return render(request, "analysis/matrix.html", _context(request, team, ask, chosen, offered) | {"usual": usual})


@require_safe
@signed_in
def history(request: PersonRequest) -> HttpResponse:
    """What became of one task, run by run; a fragment for the side panel, and a page of its own without scripts."""
    task_id = clean(request.GET.get("task", ""))
    ask = read_matrix(request.GET, counting_of(request))
    chosen = runs_named_visible_to(request.user, list(ask.ids))
    found = history_of(chosen.runs[:MOST_RUNS], task_id, ask) if chosen.runs and task_id else None
    if found is None:
        raise Http404("None of these runs tried such a task, or they belong to teams that you are not in.")
    fragment = request.headers.get("HX-Request") == "true"
    template = "analysis/parts/history.html" if fragment else "analysis/history.html"
    ids = ",".join(chosen.ids)
    query = query_of(task=task_id, runs=ids, tries=found.tries, faults=ask.faults)
    return render(request, template, {"section": SECTION, "history": found, "ids": ids, "figure_query": query})


@require_safe
@signed_in
def history_figure(request: PersonRequest) -> HttpResponse:
    """How often each run solved one task, over its steps."""
    task_id = clean(request.GET.get("task", ""))
    ask = read_matrix(request.GET, counting_of(request))
    runs = runs_named_visible_to(request.user, list(ask.ids)).runs[:MOST_RUNS]
    if not runs:
        raise Http404("None of these runs is there, or they belong to teams that you are not in.")
    splits = SETS[ask.tries or "all"]
    counts = of_task([run.pk for run in runs], task_id, splits, faults_count=ask.faults_count)
    last = max((steps[-1][0] for steps in counts.values()), default=0)
    names, strokes = names_of({run.pk: run.name for run in runs}), strokes_of([run.pk for run in runs])
    lines = [
        NamedCounts(
            name=names[run.pk], stroke=strokes[run.pk], counts=folded(counts.get(run.pk, []), width_of(0, last))
        )
        for run in runs
    ]
    return HttpResponse(orjson.dumps(draw_history(lines).as_data()), content_type="application/json")


def _with_query(request: PersonRequest, query: str) -> str:
    """This page's address with another query for runs."""
    words = request.GET.copy()
    words["q"] = query
    return words.urlencode()


def _context(request: PersonRequest, team: Team, ask: MatrixAsk, chosen: Chosen, offered: list[Any]) -> dict[str, Any]:
    matrix = matrix_of(chosen.runs, ask)
    return {
        "section": SECTION,
        "tab": "matrix",
        "ask": ask,
        "chosen": chosen,
        "named": [run for run in chosen.runs if run not in chosen.found],
        "left_off": max(0, len(chosen.runs) - MOST_RUNS),
        "most": MOST_RUNS,
        "offered": offered,
        "matrix": matrix,
        "orders": ORDERS,
        "order": ORDERS[ask.order],
        "sets": [(word, SET_WORDS[word]) for word in matrix.sets],
        "set_words": SET_WORDS[matrix.tries],
        "when": WHEN,
        "counting": ask.faults,
        "ids": ",".join(chosen.ids),
        "may_run": can_run(request.user, team),
    }
