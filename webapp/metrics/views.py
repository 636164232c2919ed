"""Charts of a run: panels as a fragment, figures as JSON and CSV, a page for one of them, for all, for the machines."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import orjson
from django.http import Http404, HttpResponse
from django.shortcuts import render

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.metrics.asked import asked, asked_view, curves_asked, drawn
from webapp.metrics.axes import X_BUTTONS
from webapp.metrics.charts import Chart, chart_of_key, charts_of
from webapp.metrics.csvfile import CSV_POINTS, csv_lines
from webapp.metrics.models import SYSTEM_PREFIX
from webapp.metrics.selectors import keys_visible_to, system_keys_visible_to
from webapp.metrics.system import hosts_of, system_charts
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run
from webapp.runs.views.detail import run_frame, visible_run

TIMES = ("relative", "wall")
"""Axes on which what a machine used can stand: its samples belong to no training step."""


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
def system(request: PersonRequest, run_id: str) -> HttpResponse:
    """What the run's machines and desktops were busy with, over time."""
    run = visible_run(request, run_id)
    keys = system_keys_visible_to(request.user, run)
    hosts = hosts_of(keys)
    host = request.GET.get("host", "")
    host = host if host in hosts else ""
    context = {
        **run_frame(request, run, "system"),
        **_panels(request, run, system_charts(keys, host), axes=TIMES),
        "hosts": hosts,
        "host": host,
    }
    return render(request, "metrics/system.html", context)


@signed_in
def one_chart(request: PersonRequest, run_id: str) -> HttpResponse:
    """One chart by itself, with all its settings in the address."""
    run = visible_run(request, run_id)
    what = asked(request.GET, request.user, run)
    context = {
        **run_frame(request, run, "metrics"),
        **_panels(request, run, [], axes=TIMES if what.chart.name.startswith(SYSTEM_PREFIX) else ()),
        "chart": what.chart,
        "view": what.view,
        "named": "key" if request.GET.get("key") else "chart",
        "host": request.GET.get("host", ""),
    }
    return render(request, "metrics/one.html", context)


@signed_in
def figure(request: PersonRequest, run_id: str) -> HttpResponse:
    """One figure as plotly reads it, with its table, its notes, and what to do where there is nothing to see."""
    run = _drawable_run(request, run_id)
    made = drawn(asked(request.GET, request.user, run), run)
    return HttpResponse(orjson.dumps(made.as_data()), content_type="application/json")


@signed_in
def figure_csv(request: PersonRequest, run_id: str) -> HttpResponse:
    """The numbers of one chart, or of the part of it that is looked at."""
    run = _drawable_run(request, run_id)
    what = asked(request.GET, request.user, run, most=CSV_POINTS)
    curves, _ = curves_asked(what, run)
    body = "".join(csv_lines(run.pk, what.chart, curves))
    name = "".join(letter if letter.isalnum() else "-" for letter in what.chart.name)[:60]
    response = HttpResponse(body, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{run.pk}-{name}.csv"'
    return response


def _drawable_run(request: PersonRequest, run_id: str) -> Run:
    """Of a run that the person may see what figures need: a page asks for a dozen of them at once."""
    runs = runs_visible_to(request.user).filter(pk=run_id).only("id", "created_at", "started_at", "finished_at")
    run = next(iter(runs), None)
    if run is None:
        raise Http404("There is no such run, or it belongs to a team that you are not in.")
    return run


def _panels(request: PersonRequest, run: Run, charts: list[Chart], axes: tuple[str, ...] = ()) -> dict[str, Any]:
    view = asked_view(request.GET, run)
    buttons = [(value, word) for value, word in X_BUTTONS.items() if not axes or value in axes]
    x = view.x if not axes or view.x in axes else axes[0]
    return {"run": run, "charts": charts, "x_axes": buttons, "x": x, "smoothing": view.smoothing, "marks": view.marks}
