"""Charts of a run: the panels as a fragment, each figure as JSON, and a page with every number that was logged."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.metrics.charts import CHARTS, Chart, chart_of_key, charts_of
from webapp.metrics.figures import EPISODES_KEY, X_AXES, View, draw
from webapp.metrics.selectors import curves_visible_to, keys_visible_to
from webapp.metrics.smoothing import MAX_WEIGHT
from webapp.runs.models import Run
from webapp.runs.views.detail import run_frame, visible_run

DEFAULT_SMOOTHING = 0.6


@signed_in
def chart_panels(request: PersonRequest, run_id: str) -> HttpResponse:
    """The panels of the run page; each fetches its figure when it comes into view."""
    run = visible_run(request, run_id)
    return render(request, "metrics/parts/charts.html", _panels(request, run, charts_of(run.kind, run.config)))


@signed_in
def all_metrics(request: PersonRequest, run_id: str) -> HttpResponse:
    """Every number that the run logged, by the first word of its key."""
    run = visible_run(request, run_id)
    keys = keys_visible_to(request.user, run)
    sections = [
        (prefix, [chart_of_key(key, place) for place, key in enumerate(members)])
        for prefix, members in groupby(keys, key=lambda key: key.split("/")[0] if "/" in key else "counts")
    ]
    context = {**run_frame(request, run, "metrics"), **_panels(request, run, []), "sections": sections}
    return render(request, "metrics/all.html", context)


@signed_in
def figure(request: PersonRequest, run_id: str) -> HttpResponse:
    """One figure as plotly reads it, with its table and a note."""
    run = visible_run(request, run_id)
    chart = _chart(request.GET.get("chart", ""), request.GET.get("key", ""))
    view = _view(request, run)
    keys = {line.key for line in chart.lines} | ({EPISODES_KEY} if view.x == "episodes" else set())
    drawn = draw(chart, curves_visible_to(request.user, run, keys), view)
    return JsonResponse({"figure": drawn.figure, "table": drawn.table, "note": drawn.note, "empty": drawn.empty})


def _chart(name: str, key: str) -> Chart:
    if key:
        return chart_of_key(key[:120])
    if name not in CHARTS:
        raise Http404(f"There is no chart {name[:40]!r}.")
    return CHARTS[name]


def _panels(request: PersonRequest, run: Run, charts: list[Chart]) -> dict[str, Any]:
    view = _view(request, run)
    return {"run": run, "charts": charts, "x_axes": X_AXES.items(), "x": view.x, "smoothing": view.smoothing}


def _view(request: PersonRequest, run: Run) -> View:
    x = request.GET.get("x", "step")
    try:
        smoothing = float(request.GET.get("smooth", DEFAULT_SMOOTHING))
    except ValueError:
        smoothing = DEFAULT_SMOOTHING
    if not 0 <= smoothing <= MAX_WEIGHT:
        smoothing = DEFAULT_SMOOTHING
    return View(x=x if x in X_AXES else "step", smoothing=smoothing, started=run.started_at)  # type: ignore[arg-type]
