"""The team's schedules: what starts when, what came of the last time, and their switches."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.permissions import PermissionRefused
from webapp.runs.errors import RunRefused
from webapp.runs.planning_models import RunSchedule
from webapp.runs.schedule_page import schedule_visible_to, schedules_visible_to
from webapp.runs.services.schedules import delete_schedule, switch_schedule


@signed_in
def page(request: PersonRequest) -> HttpResponse:
    """All of them, the next one first."""
    return _page(request)


@require_POST
@signed_in
def switch(request: PersonRequest, schedule_id: int) -> HttpResponse:
    """Switch one off, or on again."""
    schedule = _schedule(request, schedule_id)
    on, ip = request.POST.get("on") == "1", request.META.get("REMOTE_ADDR")
    try:
        messages.success(request, switch_schedule(schedule=schedule, actor=request.user, on=on, ip=ip))
    except (PermissionRefused, RunRefused) as refusal:
        return _refused(request, refusal)
    return redirect("runs:schedules")


@require_POST
@signed_in
def delete(request: PersonRequest, schedule_id: int) -> HttpResponse:
    """Take one away."""
    schedule = _schedule(request, schedule_id)
    try:
        said = delete_schedule(schedule=schedule, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
    except (PermissionRefused, RunRefused) as refusal:
        return _refused(request, refusal)
    messages.success(request, said)
    return redirect("runs:schedules")


def _schedule(request: PersonRequest, schedule_id: int) -> RunSchedule:
    schedule = schedule_visible_to(request.user, schedule_id)
    if schedule is None:
        raise Http404("There is no such schedule, or it belongs to a team that you are not in.")
    return schedule


def _refused(request: PersonRequest, refusal: Exception) -> HttpResponse:
    messages.error(request, str(refusal))
    return _page(request, status=403 if isinstance(refusal, PermissionRefused) else 409)


def _page(request: PersonRequest, status: int = 200) -> HttpResponse:
    team = current_team(request)
    if team is None:
        return render(request, "runs/no_team.html", {"section": "runs"})
    context = {"section": "runs", "tab": "schedules", "rows": schedules_visible_to(request.user, team)}
    return render(request, "runs/schedules.html", context, status=status)
