"""The team's presets: the list, one to make from a run or from the form, one to edit, retire and bring back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import team_or_404
from webapp.accounts.models import Team, User
from webapp.accounts.permissions import PermissionRefused, can_manage
from webapp.runs.access import NUL, run_visible_to
from webapp.runs.config_tree import as_yaml
from webapp.runs.errors import PresetChanged, RunRefused
from webapp.runs.forms import PastedYamlError, RunForm
from webapp.runs.planning_models import TeamPreset
from webapp.runs.schema_form import form_fields, form_sections
from webapp.runs.services.team_presets import edit_preset, restore_preset, retire_preset, save_preset
from webapp.runs.team_presets import ordered, preset_visible_to, presets_visible_to


@dataclass(slots=True, kw_only=True)
class Draft:
    """What the page of one preset holds: as it is saved, or as it was typed."""

    name: str = ""
    story: str = ""
    yaml: str = ""
    locked: list[str] = field(default_factory=list)
    version: int = 0


@signed_in
def page(request: PersonRequest) -> HttpResponse:
    """All presets of the team, the retired ones last."""
    team = team_or_404(request)
    rows = presets_visible_to(request.user, team)
    context = {"rows": rows, "may_change": can_manage(request.user, team)}
    return render(request, "runs/presets.html", context)


@signed_in
def new(request: PersonRequest) -> HttpResponse:
    """Make a preset, begun from the run that the address names; a POST saves it."""
    team = team_or_404(request)
    if request.method == "POST":
        return _save(request, team, None)
    run = run_visible_to(request.user, request.GET.get("run", ""))
    if run is None:
        raise Http404("Name a run that you can see, or save the settings of the New run form as a preset.")
    draft = Draft(name=run.name[:80], yaml=as_yaml(ordered(run.config)))
    return _form(request, team, None, draft)


@require_POST
@signed_in
def from_form(request: PersonRequest) -> HttpResponse:
    """The page of a new preset with the settings that the New run form holds now."""
    team = team_or_404(request)
    form = RunForm.from_post(request.POST.dict())
    if not form.is_valid() or form.axes:
        why = "a sweep is no preset; write one value in each box" if form.axes else "mend the settings first"
        messages.error(request, f"Nothing was saved: {why}.")
        return redirect("runs:new")
    tree = form.to_config().model_dump(mode="json")
    return _form(request, team, None, Draft(name=str(tree["title"])[:80], yaml=as_yaml(tree)))


@signed_in
def edit(request: PersonRequest, preset_id: int) -> HttpResponse:
    """One preset; a POST changes it."""
    preset = _preset(request, preset_id)
    if request.method == "POST":
        return _save(request, preset.team, preset)
    return _form(request, preset.team, preset, _as_saved(preset))


@require_POST
@signed_in
def retire(request: PersonRequest, preset_id: int) -> HttpResponse:
    """Take one out of the picker."""
    return _switch(request, _preset(request, preset_id), retire_preset)


@require_POST
@signed_in
def restore(request: PersonRequest, preset_id: int) -> HttpResponse:
    """Bring one back."""
    return _switch(request, _preset(request, preset_id), restore_preset)


def _save(request: PersonRequest, team: Team, preset: TeamPreset | None) -> HttpResponse:
    words, ip = request.POST, request.META.get("REMOTE_ADDR")
    draft = Draft(
        name=words.get("name", "").replace(NUL, ""),
        story=words.get("story", "").replace(NUL, ""),
        yaml=words.get("yaml", "").replace(NUL, ""),
        locked=[path.replace(NUL, "") for path in words.getlist("locked")],
        version=_number(words.get("version", "")),
    )
    said: dict[str, Any] = {"name": draft.name, "story": draft.story, "locked": draft.locked}
    try:
        config = _config_of(draft.yaml)
        if preset is None:
            saved = save_preset(team=team, actor=request.user, config=config, ip=ip, **said)
        else:
            saved = edit_preset(preset=preset, actor=request.user, version=draft.version, config=config, ip=ip, **said)
    except PresetChanged as refusal:
        # Their next press saves over what they see now beside their own text.
        now = TeamPreset.objects.select_related("edited_by", "team").get(pk=preset.pk) if preset else None
        draft.version = now.version if now else 0
        return _form(
            request,
            team,
            now,
            draft,
            problem=str(refusal),
            beside=as_yaml(ordered(now.config)) if now else "",
            status=409,
        )
    except (PermissionRefused, RunRefused, PastedYamlError) as refusal:
        status = 403 if isinstance(refusal, PermissionRefused) else 422
        return _form(request, team, preset, draft, problem=str(refusal), status=status)
    messages.success(request, f"{saved.name} is saved; runs can begin with it now.")
    return redirect("runs:presets")


def _config_of(text: str) -> Mapping[str, Any]:
    form = RunForm.from_yaml(text)
    if not form.is_valid():
        path, message = next(iter(form.errors.items()))
        raise PastedYamlError(f"{path}: {message}" if path else message)
    return form.to_config().model_dump(mode="json")


def _switch(request: PersonRequest, preset: TeamPreset, service: Callable[..., str]) -> HttpResponse:
    actor: User = request.user
    try:
        messages.success(request, service(preset=preset, actor=actor, ip=request.META.get("REMOTE_ADDR")))
    except (PermissionRefused, RunRefused) as refusal:
        messages.error(request, str(refusal))
        rows = presets_visible_to(actor, preset.team)
        status = 403 if isinstance(refusal, PermissionRefused) else 409
        context = {"rows": rows, "may_change": can_manage(actor, preset.team)}
        return render(request, "runs/presets.html", context, status=status)
    return redirect("runs:presets")


def _form(
    request: PersonRequest,
    team: Team,
    preset: TeamPreset | None,
    draft: Draft,
    *,
    problem: str = "",
    beside: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "preset": preset,
        "draft": draft,
        "sections": form_sections(),
        "other_locks": _groups_within(draft.locked),
        "problem": problem,
        "beside": beside,
        "may_change": can_manage(request.user, team) and (preset is None or preset.retired_at is None),
    }
    return render(request, "runs/preset.html", context, status=status)


def _groups_within(locked: Sequence[str]) -> list[str]:
    """Locked groups that have no box of their own among the sections and fields, so that an edit keeps them."""
    sections = {section.name for section in form_sections()}
    return [name for name in locked if name not in sections and name not in form_fields()]


def _as_saved(preset: TeamPreset) -> Draft:
    return Draft(
        name=preset.name,
        story=preset.story,
        yaml=as_yaml(ordered(preset.config)),
        locked=list(preset.locked),
        version=preset.version,
    )


def _preset(request: PersonRequest, preset_id: int) -> TeamPreset:
    preset = preset_visible_to(request.user, preset_id)
    if preset is None:
        raise Http404("There is no such preset, or it belongs to a team that you are not in.")
    return preset


def _number(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 10 else 0
