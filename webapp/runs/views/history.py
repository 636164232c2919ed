"""Around the list of runs: completion, the choice of columns, CSV, filters without typing."""

from __future__ import annotations

from dataclasses import asdict

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.runs.access import runs_of_team_visible_to
from webapp.runs.history.completion import complete as completion_at
from webapp.runs.history.export import as_csv
from webapp.runs.history.fields import DEFAULT_COLUMNS, FIELDS, GROUPABLE, Field, Setting, subject_of
from webapp.runs.history.language import MAX_LENGTH, QueryError, quoted
from webapp.runs.history.pages import metric_keys, setting_paths
from webapp.runs.history.saved import views_visible_to
from webapp.runs.history.state import ViewState
from webapp.runs.views.listing import UNREADABLE

MOST_NAMES = 400
"""Settings, and metrics, that a list of names holds."""
MENUS = ("filter", "group", "views", "guide")
OPERATORS = (":", "=", "!=", ">", ">=", "<", "<=")


@signed_in
def complete(request: PersonRequest) -> JsonResponse:
    """What can stand at the caret (`at`) of a query (`q`), for the box in which it is typed."""
    team = current_team(request)
    if team is None:
        return JsonResponse({"start": 0, "end": 0, "offers": []})
    text = request.GET.get("q", "")[:MAX_LENGTH].replace("\x00", "")
    at = request.GET.get("at", "")
    caret = int(at) if at.isascii() and at.isdigit() and len(at) < 6 else len(text)
    return JsonResponse(asdict(completion_at(runs_of_team_visible_to(request.user, team), text, caret)))


@signed_in
def names(request: PersonRequest) -> HttpResponse:
    """Names of settings and metrics that the newest runs have, as options for boxes that a name is typed into."""
    team = current_team(request)
    runs = runs_of_team_visible_to(request.user, team) if team else None
    settings = [Setting(path).name for path in setting_paths(runs)] if runs is not None else []
    metrics = [f"metric.{key}" for key in metric_keys(runs)] if runs is not None else []
    context = {"settings": settings[:MOST_NAMES], "metrics": metrics[:MOST_NAMES]}
    return render(request, "runs/parts/names.html", context)


@signed_in
def columns(request: PersonRequest) -> HttpResponse:
    """The dialog in which columns are chosen and put in order; the chosen ones come first, in their order."""
    state = ViewState.of(request.GET)
    others = [field for field in FIELDS.values() if field.shown and field.name not in state.columns]
    chosen = [_choice(name) for name in state.columns if name != "name"]
    context = {"state": state, "chosen": chosen, "others": others, "usual_columns": DEFAULT_COLUMNS}
    return render(request, "runs/parts/columns.html", context)


@signed_in
def menu(request: PersonRequest, which: str) -> HttpResponse:
    """What is in a menu above the list, asked for when it is opened: most of the time none is."""
    team = current_team(request)
    if team is None or which not in MENUS:
        raise Http404
    state = ViewState.of(request.GET)
    views = list(views_visible_to(request.user, team)) if which == "views" else []
    context = {
        "state": state,
        "groupable": GROUPABLE,
        "views": views,
        "current_view": next((view for view in views if view.state == state.parameters()), None),
    }
    return render(request, f"runs/parts/menu_{which}.html", context)


@signed_in
def add_filter(request: PersonRequest) -> HttpResponse:
    """A filter that was chosen and not typed becomes a term of the query."""
    state = ViewState.of(request.GET)
    name, operator = request.GET.get("field", "").strip(), request.GET.get("operator", ":")
    value = request.GET.get("value", "").strip()
    if not name or not value or operator not in OPERATORS:
        return redirect(_to(state))
    several = [quoted(part.strip()) for part in value.split(",") if part.strip()]
    term = f"{quoted(name)}{operator}{','.join(several)}"
    return redirect(_to(state, q=f"{state.q} {term}".strip()))


@signed_in
def export(request: PersonRequest) -> HttpResponse:
    """The view as CSV; with `runs`, of these runs only."""
    team = current_team(request)
    if team is None:
        return HttpResponse("You are in no team yet, so there are no runs.", status=404, content_type="text/plain")
    runs = runs_of_team_visible_to(request.user, team)
    state = ViewState.of(request.GET)
    if chosen := [word for word in request.GET.get("runs", "").split(",") if word and "\x00" not in word]:
        runs = runs.filter(pk__in=chosen)
    try:
        text = as_csv(runs, state, request.user)
    except QueryError as error:
        return HttpResponse(str(error), status=UNREADABLE, content_type="text/plain")
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{team.slug}-runs.csv"'
    return response


def _choice(name: str) -> tuple[str, str, str]:
    """A column's name, head and what it is."""
    subject = subject_of(name)
    kind = subject.help if isinstance(subject, Field) else "setting" if isinstance(subject, Setting) else "metric"
    return name, subject.heading, kind


def _to(state: ViewState, **changes: object) -> str:
    return f"{reverse('runs:list')}{state.address(**changes)}"
