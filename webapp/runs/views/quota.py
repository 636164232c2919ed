"""What a team uses of what it may use; for administrators of the console with a form for each team's bounds."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import team_or_404
from webapp.accounts.models import Team
from webapp.accounts.permissions import PermissionRefused, can_administer_console
from webapp.runs.errors import RunRefused
from webapp.runs.planning_models import TeamQuota
from webapp.runs.quota_page import quota_visible_to
from webapp.runs.services.quotas import MOST, set_quota


class QuotaForm(forms.Form):
    """Bounds of a team; an empty box is no bound."""

    gpu_hours = forms.IntegerField(required=False, min_value=0, max_value=MOST, label="GPU-hours in 30 days")
    desktops = forms.IntegerField(required=False, min_value=0, max_value=MOST, label="Desktops at once")
    concurrent_runs = forms.IntegerField(required=False, min_value=0, max_value=MOST, label="Runs at once")


@signed_in
def page(request: PersonRequest) -> HttpResponse:
    """The team's use, and by whom."""
    return _page(request, team_or_404(request))


@require_POST
@signed_in
def change(request: PersonRequest) -> HttpResponse:
    """Set the bounds of the team that one looks at."""
    team = team_or_404(request)
    form = QuotaForm(request.POST)
    if not form.is_valid():
        return _page(request, team, form, status=422)
    try:
        set_quota(team=team, actor=request.user, ip=request.META.get("REMOTE_ADDR"), **form.cleaned_data)
    except (PermissionRefused, RunRefused) as refusal:
        messages.error(request, str(refusal))
        return _page(request, team, status=403 if isinstance(refusal, PermissionRefused) else 409)
    messages.success(request, f"The quota of {team.name} is set; runs that are under way go on.")
    return redirect("runs:quota")


def _page(request: PersonRequest, team: Team, form: QuotaForm | None = None, status: int = 200) -> HttpResponse:
    quota = TeamQuota.objects.filter(team=team).values("gpu_hours", "desktops", "concurrent_runs").first()
    context = {
        "page": quota_visible_to(request.user, team, timezone.now()),
        "form": form or QuotaForm(initial=dict(quota) if quota else None),
        "may_change": can_administer_console(request.user),
    }
    return render(request, "runs/quota.html", context, status=status)
