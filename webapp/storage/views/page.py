"""Storage by run, the rules of what is deleted with time, and what they would delete before they do."""

from __future__ import annotations

from dataclasses import asdict

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.models import Role, Team
from webapp.accounts.permissions import PermissionRefused, can_manage, require_role
from webapp.runs.errors import RunRefused
from webapp.runs.views.detail import visible_run
from webapp.storage.facts import plan_for, rules_of
from webapp.storage.forms import RulesForm
from webapp.storage.models import TeamRetention
from webapp.storage.plan import Rules
from webapp.storage.selectors import MOST_LISTED, deletions_visible_to, holdings_visible_to
from webapp.storage.services import RetentionRefused, ask_to_delete, pin_run, set_rules, unpin_run


@require_safe
@signed_in
def storage(request: PersonRequest) -> HttpResponse:
    """What the team's runs hold, and its rules."""
    return _page(request, _team(request))


@require_safe
@signed_in
def plan(request: PersonRequest) -> HttpResponse:
    """What the team's rules would delete now."""
    team = _team(request)
    return _plan(request, team, rules_of(team))


@require_POST
@signed_in
def change_rules(request: PersonRequest) -> HttpResponse:
    """New rules: first what they would delete at once, then, when the person says so, they hold."""
    team = _team(request)
    form = RulesForm(request.POST)
    try:
        require_role(request.user, team, Role.MAINTAINER, "change what is deleted with time")
        if not form.is_valid():
            return _page(request, team, form, status=422)
        if request.POST.get("seen") != "yes":
            return _plan(request, team, form.rules(), form)
        set_rules(team=team, actor=request.user, rules=form.rules(), ip=request.META.get("REMOTE_ADDR"))
    except PermissionRefused as refusal:
        messages.error(request, str(refusal))
        return _page(request, team, status=403)
    messages.success(request, "The rules hold. What is due by them goes within the hour.")
    return redirect("storage:page")


@require_POST
@signed_in
def delete(request: PersonRequest) -> HttpResponse:
    """Delete now what is due."""
    team = _team(request)
    try:
        typed = request.POST.get("typed", "")
        ask_to_delete(team=team, actor=request.user, typed=typed, ip=request.META.get("REMOTE_ADDR"))
    except PermissionRefused as refusal:
        messages.error(request, str(refusal))
        return _page(request, team, status=403)
    except RetentionRefused as refusal:
        messages.error(request, str(refusal))
        return _plan(request, team, rules_of(team), status=422)
    messages.success(request, "What is due is being deleted; each deletion is listed below when it is done.")
    return redirect("storage:page")


@require_POST
@signed_in
def pin(request: PersonRequest, run_id: str) -> HttpResponse:
    """Keep everything of a run, or let the rules hold for it again."""
    run = visible_run(request, run_id)
    wanted = request.POST.get("pinned") == "yes"
    try:
        (pin_run if wanted else unpin_run)(run=run, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
    except (PermissionRefused, RunRefused) as refusal:
        messages.error(request, str(refusal))
    else:
        said = "is pinned: rules delete nothing of it." if wanted else "is not pinned any more."
        messages.success(request, f"{run.name} {said}")
    return redirect("storage:page") if request.POST.get("back") == "storage" else redirect("runs:artifacts", run.pk)


def _team(request: PersonRequest) -> Team:
    team = current_team(request)
    if team is None:
        raise Http404("You are not a member of any team; ask an admin to add you.")
    return team


def _page(request: PersonRequest, team: Team, form: RulesForm | None = None, status: int = 200) -> HttpResponse:
    rules = rules_of(team)
    context = {
        "holdings": holdings_visible_to(request.user, team),
        "deletions": deletions_visible_to(request.user, team),
        "rules": rules,
        "own": TeamRetention.objects.select_related("set_by").filter(team=team).first(),
        "form": form or RulesForm(initial=asdict(rules)),
        "may_change": can_manage(request.user, team),
    }
    return render(request, "storage/page.html", context, status=status)


def _plan(
    request: PersonRequest, team: Team, rules: Rules, form: RulesForm | None = None, status: int = 200
) -> HttpResponse:
    found = plan_for(team, rules, timezone.now())
    context = {
        "plan": found,
        "removals": found.removals[:MOST_LISTED],
        "kept": found.kept[:MOST_LISTED],
        "rules": rules,
        "form": form,
        "may_change": can_manage(request.user, team),
    }
    return render(request, "storage/plan.html", context, status=status)
