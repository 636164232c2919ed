"""The new-run page: begun from a preset, a run or a checkpoint; checked as it is filled; nothing typed is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.models import Team
from webapp.accounts.permissions import PermissionRefused, can_manage, can_run
from webapp.runs.config_tree import as_yaml, differences
from webapp.runs.errors import RunRefused
from webapp.runs.forms import PastedYamlError, RunForm
from webapp.runs.imported import ImportedPage
from webapp.runs.origins import Origin, origin_of
from webapp.runs.planned import plan_page
from webapp.runs.presets import all_presets
from webapp.runs.starting import WHENS, Starting, read_starting
from webapp.runs.team_presets import locked_for, presets_visible_to
from webapp.runs.views.kept_form import keep_words, kept_words, take_kept_words
from webapp.runs.views.start import start
from webapp.runs.views.task_list import tasks_of, with_all_frames, with_tasks


def new_run(request: HttpRequest) -> HttpResponse:
    """Show the form, or start the run; a session that ended in between keeps what was typed."""
    if request.method == "POST" and not request.user.is_authenticated:
        return keep_words(request)
    return _new_run(request)  # type: ignore[return-value]


@signed_in
def _new_run(request: PersonRequest) -> HttpResponse:
    team = current_team(request)
    if team is None:
        return render(request, "runs/no_team.html", {"section": "new"})
    if request.method == "POST":
        return _start(request, team)
    kept = take_kept_words(request) if "kept" in request.GET else None
    if kept is not None:
        notice = "Your session had ended; nothing was started. This is what you had typed: check it and start the run."
        origin = origin_of(request.user, team, kept)
        starting = read_starting(kept, timezone.now())
        form = RunForm.from_post(kept, locked_for(request.user, origin.team_preset, origin.begins_at))
        return form_page(request, team, origin, form, starting=starting, notice=notice)
    origin = origin_of(request.user, team, request.GET)
    if origin.schedule is not None:
        return redirect("runs:edit_schedule", origin.schedule.pk)
    tree = with_all_frames(request, with_tasks(origin.tree, tasks_of(request)))
    form = RunForm(tree, tags=", ".join(origin.run.tags) if origin.run else "")
    tries = Starting(tries_text=str(origin.run.tries)) if origin.run else Starting()
    return form_page(request, team, origin, form, starting=tries)


def form_page(
    request: HttpRequest,
    team: Team,
    origin: Origin,
    form: RunForm,
    *,
    starting: Starting | None = None,
    notice: str = "",
    imported: ImportedPage | None = None,
    editing: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page with this form in it, and with what became of a pasted command, if one was.

    `editing` is told where a schedule is edited: its version, what is saved now, and whether the person may.
    """
    locked = locked_for(request.user, origin.team_preset, origin.begins_at)
    context = {
        "section": "new" if editing is None else "runs",
        "origin": origin,
        "form": form,
        "values": form.values() | locked,
        "base": RunForm(origin.tree).values(),
        "locked": locked,
        "presets": all_presets(),
        "team_presets": presets_visible_to(request.user, team, retired=False),
        "starting": starting or Starting(),
        "whens": WHENS if editing is None else WHENS[1:],
        "editing": editing,
        "notice": notice,
        "imported": imported,
        "may_run": can_run(request.user, team),
        "may_save": can_manage(request.user, team),
        **_rail(origin, form),
    }
    return render(request, "runs/new.html", context, status=status)


@require_POST
@signed_in
def check(request: PersonRequest) -> HttpResponse:
    """The rail for what is in the form now: differences, problems, how many runs, the result as YAML."""
    words = request.POST.dict()
    origin = origin_of(request.user, current_team(request), words)
    form = RunForm.from_post(words, locked_for(request.user, origin.team_preset, origin.begins_at))
    form.errors |= read_starting(words, timezone.now()).errors
    return render(request, "runs/parts/rail.html", _rail(origin, form))


@require_POST
@signed_in
def paste(request: PersonRequest) -> HttpResponse:
    """Fill the form from a pasted config file."""
    team = current_team(request)
    if team is None:
        return redirect("runs:list")
    origin = origin_of(request.user, team, request.POST)
    try:
        form = RunForm.from_yaml(request.POST.get("yaml", ""))
    except PastedYamlError as problem:
        messages.error(request, str(problem))
        return form_page(request, team, origin, RunForm(origin.tree), status=422)
    notice = "The form now holds the pasted settings; what they left out has the tested default."
    return form_page(request, team, origin, form, notice=notice, status=200 if form.is_valid() else 422)


def _start(request: PersonRequest, team: Team) -> HttpResponse:
    words = kept_words(request)
    words.pop("schedule", None)  # which is edited at an address of its own
    origin = origin_of(request.user, team, words)
    form = RunForm.from_post(words, locked_for(request.user, origin.team_preset, origin.begins_at))
    starting = read_starting(words, timezone.now())
    form.errors |= starting.errors
    if not form.is_valid():
        return form_page(request, team, origin, form, starting=starting, status=422)
    if form.runs_count > 1 and words.get("runs_shown") != str(form.runs_count):
        notice = f"Nothing was started yet: this sweep has {form.runs_count} runs. Look at them, then start."
        return form_page(request, team, origin, form, starting=starting, notice=notice)
    try:
        where = start(request.user, team, origin, form, starting, ip=request.META.get("REMOTE_ADDR"))
    except (PermissionRefused, RunRefused) as refusal:
        form.errors[""] = str(refusal)
        status = 403 if isinstance(refusal, PermissionRefused) else 422
        return form_page(request, team, origin, form, starting=starting, status=status)
    return redirect(where)


def _rail(origin: Origin, form: RunForm) -> dict[str, Any]:
    config = form.to_config() if form.is_valid() else None
    tree = form.tree if config is None else config.model_dump(mode="json")
    behind = origin.preset_tree
    return {
        "origin": origin,
        "form": form,
        "differences": differences(origin.tree, tree),
        "behind": behind[0] if behind else "",
        "differences_behind": differences(behind[1], tree) if behind else (),
        "cells": form.to_cells() if config is not None else (),
        "yaml": as_yaml(tree) if config is not None else "",
        "plan": plan_page(config) if config is not None else None,
    }
