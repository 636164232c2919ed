"""The *Check where it will run* button of the new-run form: asks for a preflight and shows how far it is."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.permissions import PermissionRefused
from webapp.runs.forms import RunForm
from webapp.runs.origins import origin_of
from webapp.runs.preflight import preflight_visible_to, request_preflight
from webapp.runs.team_presets import locked_for

TEMPLATE = "runs/parts/preflight.html"


@require_POST
@signed_in
def start(request: PersonRequest) -> HttpResponse:
    """Ask for the checks of what is in the form now; settings that do not fit together are not worth a machine."""
    team = current_team(request)
    origin = origin_of(request.user, team, request.POST)
    form = RunForm.from_post(request.POST.dict(), locked_for(request.user, origin.team_preset, origin.begins_at))
    if not form.is_valid():
        return render(request, TEMPLATE, {"refusal": "Mend the settings first; then it can be checked."})
    if team is None:
        return render(request, TEMPLATE, {"refusal": "You are in no team, so there is nowhere to run."})
    try:
        report = request_preflight(owner=request.user, team=team, config=form.to_config())
    except PermissionRefused as refusal:
        return render(request, TEMPLATE, {"refusal": str(refusal)}, status=403)
    return render(request, TEMPLATE, {"report": report})


@signed_in
def state(request: PersonRequest, report_id: str) -> HttpResponse:
    """How far the checks are."""
    report = preflight_visible_to(request.user, report_id)
    if report is None:
        return render(request, TEMPLATE, {"refusal": "These checks are too old; ask for them again."})
    return render(request, TEMPLATE, {"report": report})
