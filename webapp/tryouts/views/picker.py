"""The page on which a try-out is begun: whose weights, which desktop, what to do; and the team's try-outs below it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.models import Role, Team
from webapp.accounts.permissions import PermissionRefused, can_run, require_role
from webapp.runs.errors import RunRefused
from webapp.tryouts import services
from webapp.tryouts.choices import task_sets_visible_to, tasks_visible_to, weights_visible_to
from webapp.tryouts.configuring import AGENTS, Chosen, config_of, read_chosen
from webapp.tryouts.desktops import check_kinds, kinds
from webapp.tryouts.selectors import tryouts_visible_to


@signed_in
def picker(request: PersonRequest) -> HttpResponse:
    """Show the choices, or start the try-out."""
    team = current_team(request)
    if team is None:
        return render(request, "runs/no_team.html", {"section": "runs"})
    if request.method == "POST":
        return _start(request, team)
    return _page(request, team, _chosen(request, team, request.GET))


@signed_in
def desktops(request: PersonRequest) -> HttpResponse:
    """The kinds of desktops with what is known of them; posted to, one is looked at, or all."""
    team = current_team(request)
    refused = "" if team else "You are in no team, so there is nowhere to look."
    if request.method == "POST" and team is not None:
        try:
            wanted = "" if request.POST.get("all") == "yes" else request.POST.get("desktop", "pocket")
            check_kinds(request.user, team, only=wanted)
        except PermissionRefused as refusal:
            refused = str(refusal)
    words = request.POST if request.method == "POST" else request.GET
    context = {"kinds": kinds(), "chosen": {"desktop": words.get("desktop", "pocket")}, "refused": refused}
    return render(request, "tryouts/parts/desktops.html", context, status=403 if refused else 200)


@require_safe
@signed_in
def tasks(request: PersonRequest) -> HttpResponse:
    """The tasks of a set, for the list of them."""
    team = current_team(request)
    if team is None:
        return render(request, "tryouts/parts/tasks.html", {"tasks": [], "chosen": Chosen()}, status=404)
    chosen = _chosen(request, team, request.GET)
    return render(request, "tryouts/parts/tasks.html", _tasks(request, team, chosen))


def _start(request: PersonRequest, team: Team) -> HttpResponse:
    chosen = _chosen(request, team, request.POST)
    try:
        require_role(request.user, team, Role.RUNNER, "try a policy out")
        if "model" not in request.POST:
            chosen.errors["model"] = "nothing is chosen; say whose weights are to be tried"
        config = config_of(chosen, task_sets_visible_to(request.user, team))
        if config is None:
            return _page(request, team, chosen, status=422)
        saved = chosen.checkpoint if chosen.model == "checkpoint" else None
        ip = request.META.get("REMOTE_ADDR")
        run = services.start_tryout(owner=request.user, team=team, config=config, checkpoint=saved, ip=ip)
    except (PermissionRefused, RunRefused) as refusal:
        chosen.errors[""] = str(refusal)
        return _page(request, team, chosen, status=403 if isinstance(refusal, PermissionRefused) else 422)
    return redirect("tryouts:page", run.pk)


def _chosen(request: PersonRequest, team: Team, words: QueryDict) -> Chosen:
    weights = weights_visible_to(request.user, team, words.get("checkpoint", ""))
    return read_chosen({name: str(words[name]) for name in words}, weights, task_sets_visible_to(request.user, team))


def _page(request: PersonRequest, team: Team, chosen: Chosen, status: int = 200) -> HttpResponse:
    context = {
        "section": "runs",
        "tab": "try",
        "chosen": chosen,
        "weights": weights_visible_to(request.user, team, str(chosen.checkpoint.pk) if chosen.checkpoint else ""),
        "kinds": kinds(),
        "agents": [(name, words) for name, (words, _) in AGENTS.items()],
        "tryouts": tryouts_visible_to(request.user, team),
        "may_start": can_run(request.user, team),
        **_tasks(request, team, chosen),
    }
    return render(request, "tryouts/picker.html", context, status=status)


def _tasks(request: PersonRequest, team: Team, chosen: Chosen) -> dict[str, Any]:
    sets = task_sets_visible_to(request.user, team)
    wanted = next((one for one in sets if one.source == chosen.source), None)
    known = tasks_visible_to(request.user, team, wanted) if wanted else []
    return {"sets": sets, "tasks": known, "chosen": chosen, "is_known": any(one.id == chosen.task for one in known)}
