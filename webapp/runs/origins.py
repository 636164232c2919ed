"""What a new run begins as: a preset of the console or the team, an older run, a checkpoint. Scoped to the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arpo_engine.contract.config import RunConfig
from webapp.accounts.models import Team
from webapp.accounts.permissions import Person
from webapp.runs.access import run_visible_to
from webapp.runs.errors import RunRefused
from webapp.runs.models import Checkpoint, Run
from webapp.runs.planning_models import RunSchedule, TeamPreset
from webapp.runs.presets import FIRST, Preset, all_presets, find_preset
from webapp.runs.schedule_page import schedule_visible_to
from webapp.runs.selectors import checkpoint_visible_to
from webapp.runs.services.creation import MadeBy, continuation_config, evaluation_config
from webapp.runs.team_presets import preset_visible_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a form began as, and what its differences are counted from."""

    tree: dict[str, Any]
    label: str
    preset: str = ""
    run: Run | None = None
    checkpoint: Checkpoint | None = None
    """The one that is measured."""
    begins_at: Checkpoint | None = None
    """The one whose weights the training begins with."""
    team_preset: TeamPreset | None = None
    schedule: RunSchedule | None = None
    """The one that is edited: the form then starts nothing."""

    @property
    def parent(self) -> Run | None:
        """The run that the new one comes from."""
        saved = self.checkpoint or self.begins_at
        return saved.run if saved else self.run

    @property
    def made_by(self) -> MadeBy:
        """As the services take it."""
        return MadeBy(checkpoint=self.checkpoint or self.begins_at, team_preset=self.team_preset)

    @property
    def hidden(self) -> tuple[str, str]:
        """Name and value of the form's hidden field that says so again."""
        if self.schedule:
            return "schedule", str(self.schedule.pk)
        if self.checkpoint:
            return "evaluate", str(self.checkpoint.pk)
        if self.begins_at:
            return "continue", str(self.begins_at.pk)
        if self.run:
            return "clone", self.run.pk
        if self.team_preset:
            return "team_preset", str(self.team_preset.pk)
        return "preset", self.preset

    @property
    def heading(self) -> str:
        """The page's title."""
        if self.schedule:
            return f"Edit the schedule {self.label}"
        if self.checkpoint:
            return f"Evaluate {self.label}"
        if self.begins_at:
            return f"Continue from {self.label}"
        return f"Clone {self.label}" if self.run else "New run"

    @property
    def preset_tree(self) -> tuple[str, dict[str, Any]] | None:
        """Title and settings of the preset behind the run or checkpoint that it began as; None where there is none."""
        if self.parent is None:
            return None
        if self.team_preset is not None:
            return self.team_preset.name, self.team_preset.config
        preset = find_preset(self.preset) if self.preset else None
        return (preset.title, preset.tree()) if preset and preset.config else None


def origin_of(person: Person, team: Team | None, words: Mapping[str, Any]) -> Origin:
    """What the address or the form's hidden fields say that it began as; the first usable preset if nothing."""
    found = (
        _schedule(person, words.get("schedule"))
        or _evaluation(person, words.get("evaluate"), team)
        or _continuation(person, words.get("continue"), team)
        or _clone(person, words.get("clone"), team)
        or _team_preset(person, words.get("team_preset"), team)
    )
    if found is not None:
        return found
    preset = _preset(str(words.get("preset", "")))
    if preset is None:
        return Origin(tree=RunConfig().model_dump(mode="json"), label="the defaults")
    return Origin(tree=preset.tree(), label=preset.title, preset=preset.name)


def schedule_origin(schedule: RunSchedule) -> Origin:
    """A schedule as the form begins with that edits it."""
    return Origin(
        tree={**schedule.config},
        label=schedule.name,
        preset=schedule.preset,
        begins_at=schedule.from_checkpoint,
        team_preset=schedule.team_preset,
        schedule=schedule,
    )


def _schedule(person: Person, word: object) -> Origin | None:
    found = schedule_visible_to(person, int(str(word))) if _is_id(word) else None
    return schedule_origin(found) if found is not None else None


def _evaluation(person: Person, word: object, team: Team | None) -> Origin | None:
    checkpoint = _checkpoint(person, word)
    if checkpoint is None or not checkpoint.export_path:
        return None
    tree = evaluation_config(checkpoint).model_dump(mode="json")
    return Origin(tree=tree, label=_step(checkpoint), preset=checkpoint.run.preset, checkpoint=checkpoint)


def _continuation(person: Person, word: object, team: Team | None) -> Origin | None:
    checkpoint = _checkpoint(person, word)
    if checkpoint is None:
        return None
    try:
        tree = continuation_config(checkpoint).model_dump(mode="json")
    except RunRefused:
        return None
    kept = _kept(checkpoint.run, team)
    return Origin(
        tree=tree, label=_step(checkpoint), preset=checkpoint.run.preset, begins_at=checkpoint, team_preset=kept
    )


def _clone(person: Person, word: object, team: Team | None) -> Origin | None:
    run = run_visible_to(person, str(word)) if word else None
    if run is None:
        return None
    tree = {**run.config, "title": f"{run.name} (again)"[:120]}
    return Origin(tree=tree, label=run.name, preset=run.preset, run=run, team_preset=_kept(run, team))


def _team_preset(person: Person, word: object, team: Team | None) -> Origin | None:
    found = preset_visible_to(person, int(str(word))) if _is_id(word) else None
    if found is None or team is None or found.team_id != team.pk or found.retired_at is not None:
        return None
    return Origin(tree={**found.config}, label=found.name, team_preset=found)


def _kept(run: Run, team: Team | None) -> TeamPreset | None:
    """The team's preset that a run began with goes on to hold for what comes from it, unless it was retired."""
    preset = run.team_preset
    usable = preset is not None and team is not None and preset.team_id == team.pk and preset.retired_at is None
    return preset if usable else None


def _checkpoint(person: Person, word: object) -> Checkpoint | None:
    return checkpoint_visible_to(person, int(str(word))) if _is_id(word) else None


def _is_id(word: object) -> bool:
    text = str(word or "")
    return text.isascii() and text.isdigit() and len(text) < 19


def _step(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.run.name}, step {checkpoint.step}"


def _preset(name: str) -> Preset | None:
    chosen = find_preset(name) if name else find_preset(FIRST)
    if chosen is not None and chosen.config is not None:
        return chosen
    return next((preset for preset in all_presets() if preset.config is not None), None)
