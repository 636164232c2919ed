"""A team's own presets, for its members: in the list, in the picker, and what they lock for whom."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, QuerySet
from pydantic import ValidationError

from arpo_engine.contract.config import RunConfig
from webapp.accounts.models import Role, Team
from webapp.accounts.permissions import Person, has_role
from webapp.accounts.selectors import teams_visible_to
from webapp.runs.locks import locked_values
from webapp.runs.models import Checkpoint
from webapp.runs.planning_models import TeamPreset


def presets_visible_to(person: Person, team: Team, *, retired: bool = True) -> QuerySet[TeamPreset]:
    """The team's presets with the number of runs that began with each; without the retired ones if asked so."""
    rows = TeamPreset.objects.filter(team=team, team__in=teams_visible_to(person))
    rows = rows if retired else rows.filter(retired_at=None)
    rows = rows.select_related("edited_by", "team").annotate(used=Count("runs"))
    return rows.order_by(F("retired_at").desc(nulls_first=True), "name")


def preset_visible_to(person: Person, preset_id: int) -> TeamPreset | None:
    """One preset; None when it is not there, and when it is another team's."""
    rows = TeamPreset.objects.filter(team__in=teams_visible_to(person)).select_related("team", "edited_by")
    return rows.filter(pk=preset_id).first()


def ordered(config: dict[str, Any]) -> dict[str, Any]:
    """The settings in the form's order, which the database does not keep; those of an earlier release as they are."""
    try:
        return RunConfig.model_validate(config).model_dump(mode="json")
    except ValidationError:
        return config


def locked_for(person: Person, preset: TeamPreset | None, begins_at: Checkpoint | None = None) -> dict[str, Any]:
    """The settings that this person may not change in a run that begins with the preset, with their values.

    A run that begins with a checkpoint's weights has another model.path by that, whatever is locked.
    """
    if preset is None or has_role(person, preset.team, Role.MAINTAINER):
        return {}
    return locked_values(preset.config, preset.locked, from_checkpoint=begins_at is not None)
