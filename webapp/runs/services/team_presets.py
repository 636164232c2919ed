"""Presets that a team keeps: saved from a run or the form, edited and retired by maintainers, never deleted.

Runs remember the preset that they began with, so one that is retired stays as it was and begins nothing new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from pydantic import ValidationError

from arpo_engine.contract.config import RunConfig, explain
from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.runs.errors import PresetChanged, RunRefused
from webapp.runs.locks import unknown_paths
from webapp.runs.planning_models import TeamPreset

NAME_LETTERS = 80
STORY_LETTERS = 2000
MOST_LOCKS = 300


@transaction.atomic
def save_preset(
    *,
    team: Team,
    actor: User,
    name: str,
    story: str,
    config: Mapping[str, Any],
    locked: Sequence[str],
    ip: str | None = None,
) -> TeamPreset:
    """Keep a configuration as a preset of the team."""
    require_role(actor, team, Role.MAINTAINER, "save a preset of the team")
    clean, tree = _clean_name(name), _checked(config)
    preset = TeamPreset(
        team=team, name=clean, story=_clean_story(story), config=tree, locked=_clean_locks(locked), created_by=actor
    )
    preset.edited_by = actor
    _save(preset)
    record(action="preset.saved", subject=preset, actor=actor, team=team, ip=ip, name=clean, locked=preset.locked)
    return preset


@transaction.atomic
def edit_preset(
    *,
    preset: TeamPreset,
    actor: User,
    version: int,
    name: str,
    story: str,
    config: Mapping[str, Any],
    locked: Sequence[str],
    ip: str | None = None,
) -> TeamPreset:
    """Change a preset; runs that began with it stay as they are.

    Raises:
        PresetChanged: somebody else edited it since `version`.
    """
    preset = _locked(preset)
    require_role(actor, preset.team, Role.MAINTAINER, "edit a preset of the team")
    if preset.retired_at is not None:
        raise RunRefused(f"The preset {preset.name!r} is retired; bring it back before editing it.")
    if preset.version != version:
        raise PresetChanged(
            f"{preset.edited_by or 'Somebody'} edited this preset since you opened it. Your text is below; what is "
            "saved now stands beside it. Save again to put yours in its place."
        )
    old = {"name": preset.name, "config": preset.config, "locked": preset.locked}
    preset.name, preset.story = _clean_name(name), _clean_story(story)
    preset.config, preset.locked = _checked(config), _clean_locks(locked)
    preset.version += 1
    preset.edited_by, preset.edited_at = actor, timezone.now()
    _save(preset)
    record(action="preset.edited", subject=preset, actor=actor, team=preset.team, ip=ip, old=old, version=version + 1)
    return preset


@transaction.atomic
def retire_preset(*, preset: TeamPreset, actor: User, ip: str | None = None) -> str:
    """Take a preset out of the picker."""
    preset = _locked(preset)
    require_role(actor, preset.team, Role.MAINTAINER, "retire a preset of the team")
    if preset.retired_at is None:
        preset.retired_at = timezone.now()
        preset.save(update_fields=["retired_at"])
        record(action="preset.retired", subject=preset, actor=actor, team=preset.team, ip=ip, name=preset.name)
    return f"{preset.name} is retired: runs that began with it stay, new ones begin from others."


@transaction.atomic
def restore_preset(*, preset: TeamPreset, actor: User, ip: str | None = None) -> str:
    """Bring a retired preset back into the picker."""
    preset = _locked(preset)
    require_role(actor, preset.team, Role.MAINTAINER, "bring back a preset of the team")
    if preset.retired_at is not None:
        preset.retired_at = None
        _save(preset)
        record(action="preset.restored", subject=preset, actor=actor, team=preset.team, ip=ip, name=preset.name)
    return f"{preset.name} is in the picker again."


def _locked(preset: TeamPreset) -> TeamPreset:
    return TeamPreset.objects.select_for_update(of=("self",)).select_related("team", "edited_by").get(pk=preset.pk)


def _save(preset: TeamPreset) -> None:
    try:
        with transaction.atomic():
            preset.save()
    except IntegrityError as error:
        raise RunRefused(
            f"{preset.team.name} has a preset named {preset.name!r} already; use another name, or retire that one."
        ) from error


def _clean_name(name: str) -> str:
    clean = " ".join(name.split())
    if not 1 <= len(clean) <= NAME_LETTERS:
        raise RunRefused(f"The name has {len(clean)} letters; use 1 to {NAME_LETTERS}.")
    return clean


def _clean_story(story: str) -> str:
    clean = story.replace("\r\n", "\n").strip()
    if len(clean) > STORY_LETTERS:
        raise RunRefused(f"The story has {len(clean)} letters; use {STORY_LETTERS} or fewer.")
    return clean


def _clean_locks(locked: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(" ".join(name.split()) for name in locked if name.strip()))
    if len(names) > MOST_LOCKS:
        raise RunRefused(f"{len(names)} settings are locked; use {MOST_LOCKS} or fewer, or lock whole groups.")
    unknown = unknown_paths(names)
    if unknown:
        raise RunRefused(f"{unknown[0][:80]!r} is no setting, so it cannot be locked; choose from the list.")
    return names


def _checked(config: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return RunConfig.model_validate(config).model_dump(mode="json")
    except ValidationError as error:
        path, message = explain(error)[0]
        raise RunRefused(f"{path} {message}." if path else f"{message}.") from error
