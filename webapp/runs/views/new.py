"""The new-run page: begun from a preset, a run or a checkpoint; checked as it is filled; nothing typed is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from arpo_engine.contract.config import RunConfig
from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.models import Team
from webapp.accounts.permissions import PermissionRefused, can_run
from webapp.runs.access import run_visible_to
from webapp.runs.config_tree import as_yaml, differences
from webapp.runs.errors import RunRefused
from webapp.runs.forms import PastedYamlError, RunForm
from webapp.runs.imported import ImportedPage
from webapp.runs.models import Checkpoint, Run
from webapp.runs.planned import plan_page
from webapp.runs.presets import FIRST, Preset, all_presets, find_preset
from webapp.runs.selectors import checkpoint_visible_to
from webapp.runs.services import create_run
from webapp.runs.services.creation import evaluation_config
from webapp.runs.views.kept_form import keep_words, kept_words, take_kept_words
from webapp.runs.views.task_list import tasks_of, with_tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a form began as, and what its differences are counted from."""

    tree: dict[str, Any]
    label: str
    preset: str = ""
    run: Run | None = None
    checkpoint: Checkpoint | None = None


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
        return form_page(request, team, origin_of(request, kept), RunForm.from_post(kept), notice=notice)
    origin = origin_of(request, request.GET)
    form = RunForm(with_tasks(origin.tree, tasks_of(request)), tags=", ".join(origin.run.tags) if origin.run else "")
    return form_page(request, team, origin, form)


def form_page(
    request: HttpRequest,
    team: Team,
    origin: Origin,
    form: RunForm,
    *,
    notice: str = "",
    imported: ImportedPage | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page with this form in it, and with what became of a pasted command, if one was."""
    context = {
        "section": "new",
        "origin": origin,
        "form": form,
        "values": form.values(),
        "base": RunForm(origin.tree).values(),
        "presets": all_presets(),
        "notice": notice,
        "imported": imported,
        "may_run": can_run(request.user, team),
        **_rail(origin, form),
    }
    return render(request, "runs/new.html", context, status=status)


@require_POST
@signed_in
def check(request: PersonRequest) -> HttpResponse:
    """The rail for what is in the form now: differences, problems, the result as YAML."""
    form = RunForm.from_post(request.POST.dict())
    return render(request, "runs/parts/rail.html", _rail(origin_of(request, request.POST), form))


@require_POST
@signed_in
def paste(request: PersonRequest) -> HttpResponse:
    """Fill the form from a pasted config file."""
    team = current_team(request)
    if team is None:
        return redirect("runs:list")
    origin = origin_of(request, request.POST)
    try:
        form = RunForm.from_yaml(request.POST.get("yaml", ""))
    except PastedYamlError as problem:
        messages.error(request, str(problem))
        return form_page(request, team, origin, RunForm(origin.tree), status=422)
    notice = "The form now holds the pasted settings; what they left out has the tested default."
    return form_page(request, team, origin, form, notice=notice, status=200 if form.is_valid() else 422)


def _start(request: PersonRequest, team: Team) -> HttpResponse:
    words = kept_words(request)
    origin = origin_of(request, words)
    form = RunForm.from_post(words)
    if not form.is_valid():
        return form_page(request, team, origin, form, status=422)
    config = form.to_config()
    parent = origin.checkpoint.run if origin.checkpoint else origin.run
    try:
        run = create_run(
            owner=request.user,
            team=team,
            config=config,
            name=config.title,
            preset=origin.preset,
            parent=parent,
            tags=form.tags,
            ip=request.META.get("REMOTE_ADDR"),
        )
    except (PermissionRefused, RunRefused) as refusal:
        form.errors[""] = str(refusal)
        return form_page(request, team, origin, form, status=403 if isinstance(refusal, PermissionRefused) else 422)
    return redirect("runs:detail", run.pk)


def origin_of(request: HttpRequest, words: Mapping[str, Any]) -> Origin:
    """What the address or the form's hidden fields say that it began as; the first usable preset if nothing."""
    word = str(words.get("evaluate", ""))
    if word.isdigit():
        checkpoint = checkpoint_visible_to(request.user, int(word))
        if checkpoint is not None and checkpoint.export_path:
            tree = evaluation_config(checkpoint).model_dump(mode="json")
            label = f"{checkpoint.run.name}, step {checkpoint.step}"
            return Origin(tree=tree, label=label, preset=checkpoint.run.preset, checkpoint=checkpoint)
    if words.get("clone"):
        run = run_visible_to(request.user, str(words["clone"]))
        if run is not None:
            tree = {**run.config, "title": f"{run.name} (again)"[:120]}
            return Origin(tree=tree, label=run.name, preset=run.preset, run=run)
    preset = _preset(str(words.get("preset", "")))
    if preset is None:
        return Origin(tree=RunConfig().model_dump(mode="json"), label="the defaults")
    return Origin(tree=preset.tree(), label=preset.title, preset=preset.name)


def _preset(name: str) -> Preset | None:
    chosen = find_preset(name) if name else find_preset(FIRST)
    if chosen is not None and chosen.config is not None:
        return chosen
    return next((preset for preset in all_presets() if preset.config is not None), None)


def _rail(origin: Origin, form: RunForm) -> dict[str, Any]:
    config = form.to_config() if form.is_valid() else None
    tree = form.tree if config is None else config.model_dump(mode="json")
    return {
        "origin": origin,
        "form": form,
        "differences": differences(origin.tree, tree),
        "yaml": as_yaml(tree) if config is not None else "",
        "plan": plan_page(config) if config is not None else None,
    }
