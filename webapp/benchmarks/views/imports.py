"""The page of task sets: ask for an import, see how far it is, and what of it runs where."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.models import Team
from webapp.accounts.permissions import PermissionRefused, can_manage
from webapp.benchmarks.models import TaskSetImport
from webapp.benchmarks.selectors import import_visible_to, imports_visible_to, report_of
from webapp.benchmarks.services import PathRefused, request_import

SECTION = "tasks"


@require_safe
@signed_in
def task_sets(request: PersonRequest) -> HttpResponse:
    """The imports of the team, and the form to ask for one."""
    team = current_team(request)
    return redirect("runs:list") if team is None else _list(request, team)


@require_POST
@signed_in
def start(request: PersonRequest) -> HttpResponse:
    """Ask for an import."""
    team = current_team(request)
    if team is None:
        return redirect("runs:list")
    path = request.POST.get("path", "")
    try:
        wanted = request_import(
            owner=request.user,
            team=team,
            path=path,
            only_look=request.POST.get("only_look") == "on",
            ip=request.META.get("REMOTE_ADDR"),
        )
    except (PermissionRefused, PathRefused) as refusal:
        messages.error(request, str(refusal))
        return _list(request, team, path=path, status=403 if isinstance(refusal, PermissionRefused) else 422)
    return redirect("benchmarks:import", wanted.pk)


@require_safe
@signed_in
def one_import(request: PersonRequest, number: int) -> HttpResponse:
    """What an import found."""
    return render(request, "benchmarks/import.html", {"section": SECTION, **_found(_visible(request, number))})


@require_safe
@signed_in
def state(request: PersonRequest, number: int) -> HttpResponse:
    """The part of that page that changes while the engine reads."""
    return render(request, "benchmarks/parts/import.html", _found(_visible(request, number)))


def _list(request: PersonRequest, team: Team, *, path: str = "", status: int = 200) -> HttpResponse:
    context = {
        "section": SECTION,
        "tab": "sets",
        "imports": list(imports_visible_to(request.user, team)),
        "may_import": can_manage(request.user, team),
        "path": path,
    }
    return render(request, "benchmarks/list.html", context, status=status)


def _visible(request: PersonRequest, number: int) -> TaskSetImport:
    wanted = import_visible_to(request.user, number)
    if wanted is None:
        raise Http404("there is no such import, or it is another team's")
    return wanted


def _found(wanted: TaskSetImport) -> dict[str, object]:
    return {"wanted": wanted, "report": report_of(wanted)}
