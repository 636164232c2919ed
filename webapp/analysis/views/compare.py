"""The page that holds runs against each other, and each of its charts; everything about the view is in the address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.permissions import can_run
from webapp.analysis.address import WHEN, clean
from webapp.analysis.cells import ORDERS
from webapp.analysis.chosen import MOST_RUNS, Chosen, named_ids, runs_named_visible_to, runs_with_tries_visible_to
from webapp.analysis.comparison import (
    FEWEST,
    CompareAsk,
    Panel,
    baseline_of,
    draw_key,
    groupings_of,
    keys_of_all,
    panels_of,
    read_compare,
    title_of,
)
from webapp.analysis.differing import differing
from webapp.analysis.honesty import notes_of, sides_of
from webapp.analysis.matrix import matrix_of
from webapp.analysis.strokes import strokes_of
from webapp.analysis.summary import HOW, summary_of
from webapp.analysis.views.matrix import SET_WORDS
from webapp.metrics.axes import X_BUTTONS
from webapp.runs.counting import counting_of


@require_safe
@signed_in
def page(request: PersonRequest) -> HttpResponse:
    """Two to twenty runs beside each other."""
    team = current_team(request)
    if team is None:
        return redirect("runs:list")
    ask = read_compare(request.GET, counting_of(request))
    chosen = chosen_visible_to(request)
    problem = _problem(chosen)
    if problem:
        context = {
            "section": "runs",
            "problem": problem,
            "chosen": chosen,
            "offered": runs_with_tries_visible_to(request.user, team),
            "named": bool(ask.matrix.ids),
        }
        return render(request, "analysis/compare_choose.html", context, status=422 if ask.matrix.ids else 200)
    return render(request, "analysis/compare.html", _context(chosen, ask) | {"may_run": can_run(request.user, team)})


@require_safe
@signed_in
def figure(request: PersonRequest) -> HttpResponse:
    """One chart of these runs as plotly reads it."""
    chosen = chosen_visible_to(request)
    key = clean(request.GET.get("key", ""))
    if not chosen.runs or not key:
        raise Http404("None of these runs is there, or they belong to teams that you are not in.")
    drawn = draw_key(chosen.runs[:MOST_RUNS], key, read_compare(request.GET, counting_of(request)))
    return HttpResponse(orjson.dumps(drawn.as_data()), content_type="application/json")


@require_safe
@signed_in
def one_chart(request: PersonRequest) -> HttpResponse:
    """One chart of these runs by itself."""
    chosen = chosen_visible_to(request)
    key = clean(request.GET.get("key", ""))
    if not chosen.runs or not key:
        raise Http404("None of these runs is there, or they belong to teams that you are not in.")
    ask, strokes = read_compare(request.GET, counting_of(request)), strokes_of(chosen.ids)
    context = {
        "section": "runs",
        "chosen": chosen,
        "chips": [(run, strokes[run.pk], "") for run in chosen.runs],
        "panel": Panel(key=key, title=title_of(key)),
        "alone": True,
        "ids": ",".join(chosen.ids),
        "x_axes": X_BUTTONS.items(),
        "x": ask.x,
        "smoothing": ask.smoothing,
        "groupings": groupings_of(differing([run.config for run in chosen.runs])),
        "group": ask.group,
    }
    return render(request, "analysis/compare_one.html", context)


def chosen_visible_to(request: PersonRequest) -> Chosen:
    """The runs of the address. One that names runs of which none may be seen is no page.

    Raises:
        Http404: there is none of them.
    """
    ids = named_ids([*request.GET.getlist("runs"), *request.GET.getlist("run")])
    chosen = runs_named_visible_to(request.user, ids)
    if ids and not chosen.runs:
        raise Http404("None of these runs is there, or they belong to teams that you are not in.")
    return chosen


def _problem(chosen: Chosen) -> str:
    count = len(chosen.runs)
    if count > MOST_RUNS:
        return f"{count} runs are named, and {MOST_RUNS} or fewer can be told apart; take some away."
    if count < FEWEST:
        named = "One run is named" if count else "No run is named"
        return f"{named}; comparing takes {FEWEST} to {MOST_RUNS}."
    return ""


def _context(chosen: Chosen, ask: CompareAsk) -> dict[str, Any]:
    runs, ids = chosen.runs, chosen.ids
    base = baseline_of(runs, ask)
    matrix = matrix_of(runs, ask.matrix)
    settings = differing([run.config for run in runs], base)
    summary = summary_of(runs, matrix, base, faults_count=ask.matrix.faults_count, keys=ask.keys)
    hows = dict.fromkeys(
        how
        for line in summary
        for one in line.figures
        for how in ((one.estimate.how if one.estimate else ""), (one.delta.how if one.delta else ""))
        if how
    )
    strokes = strokes_of(ids)
    return {
        "section": "runs",
        "chosen": chosen,
        "chips": [(run, strokes[run.pk], _without(ids, run.pk)) for run in runs],
        "baseline": runs[base],
        "notes": notes_of(sides_of(runs), matrix.rows, matrix.totals, matrix.shared, matrix.tries),
        "settings": settings,
        "summary": summary,
        "hows": [HOW[how] for how in hows],
        "panels": panels_of(runs, ask.keys),
        "every_key": keys_of_all(runs),
        "x_axes": X_BUTTONS.items(),
        "x": ask.x,
        "smoothing": ask.smoothing,
        "groupings": groupings_of(settings),
        "group": ask.group,
        "matrix": matrix,
        "ask": ask.matrix,
        "orders": ORDERS,
        "order": ORDERS[ask.matrix.order],
        "sets": [(word, SET_WORDS[word]) for word in matrix.sets],
        "set_words": SET_WORDS[matrix.tries],
        "when": WHEN,
        "counting": ask.matrix.faults,
        "ids": ",".join(ids),
    }


def _without(ids: Sequence[str], run_id: str) -> str:
    """The other runs, for an address that leaves one out."""
    return ",".join(one for one in ids if one != run_id)
