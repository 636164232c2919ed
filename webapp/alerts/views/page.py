"""The team's alerts, what it is alerted of, and whom else they reach."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team, team_or_404
from webapp.accounts.permissions import PermissionRefused, can_manage
from webapp.alerts.forms import MuteForm, RouteForm, RuleForm
from webapp.alerts.models import CHOICES, Route
from webapp.alerts.outward import Unreachable
from webapp.alerts.selectors import (
    alerts_visible_to,
    page_of,
    routes_visible_to,
    unseen_count,
    wishes_visible_to,
)
from webapp.alerts.services import (
    RouteRefused,
    add_route,
    mark_seen,
    mute_run,
    remove_route,
    set_rule,
    try_route,
)
from webapp.counted import counted
from webapp.runs.views.detail import visible_run

MOST_DIGITS = 6


@signed_in
def alerts(request: PersonRequest) -> HttpResponse:
    """The newest alerts, the rules, and the routes."""
    return _page(request, RouteForm())


@signed_in
def bell(request: PersonRequest) -> HttpResponse:
    """The bell as it is now; pages fetch it every half minute."""
    team = current_team(request)
    count = unseen_count(request.user, team) if team else 0
    newest = alerts_visible_to(request.user, team).filter(seen_at=None).first() if team and count else None
    return render(request, "alerts/parts/bell.html", {"unseen_alerts": count, "newest": newest, "fragment": True})


@require_POST
@signed_in
def seen(request: PersonRequest) -> HttpResponse:
    """All alerts of the team are seen."""
    try:
        mark_seen(team=team_or_404(request), actor=request.user)
    except PermissionRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("alerts:list")


@require_POST
@signed_in
def change_rule(request: PersonRequest) -> HttpResponse:
    """Watch a kind or not, and from which number on."""
    form = RuleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "That rule could not be read: " + _problems(form))
        return _page(request, RouteForm(), status=422)
    try:
        rule = set_rule(
            team=team_or_404(request),
            actor=request.user,
            kind=form.cleaned_data["kind"],
            enabled=form.cleaned_data["enabled"],
            threshold=form.cleaned_data["threshold"],
            ip=request.META.get("REMOTE_ADDR"),
        )
    except (PermissionRefused, RouteRefused) as refusal:
        return _refused(request, refusal, RouteForm())
    messages.success(request, f"{rule.get_kind_display()}: {'watched' if rule.enabled else 'not watched any more'}.")
    return redirect("alerts:list")


@require_POST
@signed_in
def add(request: PersonRequest) -> HttpResponse:
    """A new way for the team's alerts."""
    form = RouteForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        route = add_route(
            team=team_or_404(request), actor=request.user, ip=request.META.get("REMOTE_ADDR"), **form.cleaned_data
        )
    except (PermissionRefused, RouteRefused) as refusal:
        return _refused(request, refusal, form)
    messages.success(request, f"Alerts go to {route.label} too. Send a test to see that they arrive.")
    return redirect("alerts:list")


@require_POST
@signed_in
def test(request: PersonRequest, route_id: int) -> HttpResponse:
    """Send a test message and say what came of it."""
    route = _route(request, route_id)
    try:
        answer = try_route(route=route, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
    except PermissionRefused as refusal:
        return _refused(request, refusal, RouteForm())
    except Unreachable as error:
        messages.error(request, f"The test did not arrive at {route.label}: {error}.")
    else:
        messages.success(request, f"The test is on its way to {route.label}: {answer}.")
    return redirect("alerts:list")


@require_POST
@signed_in
def remove(request: PersonRequest, route_id: int) -> HttpResponse:
    """Take a way away."""
    route = _route(request, route_id)
    try:
        remove_route(route=route, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
    except PermissionRefused as refusal:
        return _refused(request, refusal, RouteForm())
    messages.success(request, f"Alerts go to {route.label} no more.")
    return redirect("alerts:list")


@require_POST
@signed_in
def mute(request: PersonRequest, run_id: str) -> HttpResponse:
    """Send nothing of this run for some hours."""
    run = visible_run(request, run_id)
    form = MuteForm(request.POST)
    hours = form.cleaned_data["hours"] if form.is_valid() else -1
    if hours < 0:
        messages.error(request, "Mute it for 1 to 168 hours, or 0 to hear of it again.")
        return redirect("runs:detail", run.pk)
    try:
        lasting = timedelta(hours=hours) if hours else None
        mute_run(run=run, actor=request.user, lasting=lasting, ip=request.META.get("REMOTE_ADDR"))
    except (PermissionRefused, RouteRefused) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(
            request,
            f"Alerts of {run.name} are not sent for {counted(hours, 'hour')}." if hours else "They are sent again.",
        )
    return redirect("runs:detail", run.pk)


def _route(request: PersonRequest, route_id: int) -> Route:
    route = routes_visible_to(request.user, team_or_404(request)).filter(pk=route_id).first()
    if route is None:
        raise Http404("There is no such way, or it is not your team's.")
    return route


def _page(request: PersonRequest, form: RouteForm, status: int = 200) -> HttpResponse:
    team = current_team(request)
    if team is None:
        return render(request, "runs/no_team.html", {"section": "alerts"})
    found = alerts_visible_to(request.user, team)
    context = {
        "section": "alerts",
        "open": page_of(found.filter(ended_at=None), _number(request.GET.get("open", ""))),
        "past": page_of(found.exclude(ended_at=None), _number(request.GET.get("past", ""))),
        "wishes": wishes_visible_to(request.user, team),
        "routes": routes_visible_to(request.user, team),
        "kinds": CHOICES,
        "form": form,
        "may_change": can_manage(request.user, team),
    }
    return render(request, "alerts/list.html", context, status=status)


def _number(word: str) -> int:
    """A page's number in an address; nonsense is the first one."""
    return int(word) if word.isascii() and word.isdigit() and len(word) < MOST_DIGITS else 1


def _refused(request: PersonRequest, refusal: Exception, form: RouteForm) -> HttpResponse:
    messages.error(request, str(refusal))
    return _page(request, form, status=403 if isinstance(refusal, PermissionRefused) else 422)


def _problems(form: RuleForm) -> str:
    return " ".join(str(problem) for problems in form.errors.values() for problem in problems)
