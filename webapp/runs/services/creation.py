"""New runs: from a config, from an old run, or to measure a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from arpo_engine.contract.config import RunConfig, config_hash
from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import has_role, require_role
from webapp.accounts.services import record
from webapp.bulk import clean_text
from webapp.runs.access import run_visible_to
from webapp.runs.config_tree import flatten
from webapp.runs.errors import RunRefused
from webapp.runs.journal import append_console_event
from webapp.runs.locks import locked_values, still_locked
from webapp.runs.model_servers import require_servers
from webapp.runs.models import DEFAULT_ATTEMPTS, Checkpoint, Run, RunKind, RunStatus
from webapp.runs.planning_models import RunSchedule, Sweep, TeamPreset
from webapp.runs.programs import require_programs
from webapp.runs.queue import DISPATCH_RUNS, enqueue
from webapp.runs.runfolder import run_dir
from webapp.runs.services.settings_index import index_settings

WAITING = "Waiting for a free place"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBy:
    """What a run came about by, besides the person and a run before it."""

    checkpoint: Checkpoint | None = None
    """The one whose weights it measures, or starts from."""
    team_preset: TeamPreset | None = None
    sweep: Sweep | None = None
    schedule: RunSchedule | None = None


@transaction.atomic
def create_run(
    *,
    owner: User,
    team: Team,
    config: RunConfig,
    name: str = "",
    preset: str = "",
    parent: Run | None = None,
    tags: Sequence[str] = (),
    priority: int = 0,
    made_by: MadeBy | None = None,
    tries: int = DEFAULT_ATTEMPTS,
    ip: str | None = None,
) -> Run:
    """Save a run, queue it, and wake the dispatcher after the commit."""
    made_by = made_by or MadeBy()
    require_startable(owner, team, config, made_by)
    run = Run.objects.create(
        team=team,
        owner=owner,
        name=(name or config.title)[: Run._meta.get_field("name").max_length],
        kind=RunKind(config.kind),
        preset=preset,
        config=config.model_dump(mode="json"),
        config_hash=config_hash(config),
        parent=parent,
        tags=clean_tags(tags),
        priority=priority,
        from_checkpoint=made_by.checkpoint,
        team_preset=made_by.team_preset,
        sweep=made_by.sweep,
        schedule=made_by.schedule,
        tries=tries,
        max_attempts=tries,
        status=RunStatus.QUEUED,
        status_reason=WAITING,
        total_steps=config.limits.steps if config.kind == "train" else 0,
    )
    index_settings([run])
    append_console_event(run, "StatusChanged", {"status": run.status, "was": "", "reason": WAITING, "by": str(owner)})
    record(action="run.created", subject=run, actor=owner, team=team, ip=ip, preset=preset, hash=run.config_hash)
    enqueue(DISPATCH_RUNS)
    return run


def clone_run(
    *, source: Run, owner: User, team: Team, config: RunConfig | None = None, name: str = "", ip: str | None = None
) -> Run:
    """Start a run like `source`, or with a changed config; it remembers where it came from."""
    if run_visible_to(owner, source.pk) is None:
        raise RunRefused(f"There is no run {source.pk} that you can see; check the address.")
    return create_run(
        owner=owner,
        team=team,
        config=config or RunConfig.model_validate(source.config),
        name=name or f"{source.name} (again)",
        preset=source.preset,
        parent=source,
        tags=source.tags,
        ip=ip,
    )


def evaluate_checkpoint(
    *,
    checkpoint: Checkpoint,
    owner: User,
    team: Team,
    config: RunConfig | None = None,
    name: str = "",
    ip: str | None = None,
) -> Run:
    """Measure a checkpoint's exported weights as a run of its own, whose parent is the run that trained them."""
    source = checkpoint.run
    if run_visible_to(owner, source.pk) is None:
        raise RunRefused(f"There is no run {source.pk} that you can see; check the address.")
    return create_run(
        owner=owner,
        team=team,
        config=evaluation_config(checkpoint, config),
        name=name or f"{source.name}: step {checkpoint.step} measured",
        preset=source.preset,
        parent=source,
        made_by=MadeBy(checkpoint=checkpoint),
        ip=ip,
    )


def require_startable(person: User, team: Team, config: RunConfig, made_by: MadeBy) -> None:
    """Raise PermissionRefused or RunRefused unless the person may have a run of these settings started."""
    require_role(person, team, Role.RUNNER, "start a run")
    require_programs(person, team, config)
    require_servers(person, team, config)
    if config.checkpoint.push_to is not None:
        require_role(person, team, Role.MAINTAINER, "send weights to a hub (checkpoint.push_to)")
    require_locks(person, team, config, made_by)


def require_locks(owner: User, team: Team, config: RunConfig, made_by: MadeBy) -> None:
    """Raise RunRefused where a runner changed what the team's preset locks; maintainers may.

    A preset that was retired, or of another team, begins no runs.
    """
    preset = made_by.team_preset
    if preset is None:
        return
    if preset.team_id != team.pk or preset.retired_at is not None:
        raise RunRefused(f"The preset {preset.name!r} was retired; begin from another one, or clone a run of it.")
    if has_role(owner, team, Role.MAINTAINER):
        return
    locked = locked_values(preset.config, preset.locked, from_checkpoint=made_by.checkpoint is not None)
    changed = still_locked(locked, flatten(config.model_dump(mode="json")))
    if changed:
        path, message = next(iter(changed.items()))
        raise RunRefused(f"{path} {message}.")


def continuation_config(checkpoint: Checkpoint) -> RunConfig:
    """The training's own settings, beginning with the checkpoint's weights; its optimizer and replay begin anew.

    Raises:
        RunRefused: the checkpoint was saved without an export, or its run was no training.
    """
    source = checkpoint.run
    if not checkpoint.export_path or source.kind != RunKind.TRAIN:
        raise RunRefused(
            f"The checkpoint of step {checkpoint.step} has no exported weights of a training, so nothing can begin "
            "from it; choose another checkpoint, or resume the run itself."
        )
    base = RunConfig.model_validate(source.config)
    model = base.model.model_copy(update={"path": str(run_dir(source.pk) / checkpoint.export_path)})
    return base.model_copy(update={"model": model, "title": f"{source.name}: on from step {checkpoint.step}"[:120]})


def evaluation_config(checkpoint: Checkpoint, config: RunConfig | None = None) -> RunConfig:
    """The training's own settings (or `config`), turned into an evaluation of the checkpoint's weights.

    Raises:
        RunRefused: the checkpoint was saved without an export.
    """
    if not checkpoint.export_path:
        raise RunRefused(
            f"The checkpoint of step {checkpoint.step} has no exported weights, so there is nothing to evaluate; "
            "choose another checkpoint of this run."
        )
    base = config or RunConfig.model_validate(checkpoint.run.config)
    weights = run_dir(checkpoint.run_id) / checkpoint.export_path
    model = base.model.model_copy(update={"path": str(weights)})
    title = base.title if config else f"{checkpoint.run.name}: step {checkpoint.step} measured"[:120]
    return base.model_copy(update={"kind": "evaluate", "model": model, "title": title})


@transaction.atomic
def create_example_run(
    *, run_id: str, owner: User, team: Team, config: RunConfig, name: str, begun_at: datetime
) -> Run:
    """The row of a recorded run that ships with the product: everybody may look at it, nothing ever runs it."""
    run = Run.objects.create(
        id=run_id,
        team=team,
        owner=owner,
        name=name,
        kind=RunKind(config.kind),
        is_example=True,
        config=config.model_dump(mode="json"),
        config_hash=config_hash(config),
        total_steps=config.limits.steps,
        status=RunStatus.PREPARING,
        status_reason="Being loaded",
        created_at=begun_at,
        queued_at=begun_at,
        started_at=begun_at,
        status_at=begun_at,
    )
    index_settings([run])
    record(action="run.example_loaded", subject=run, actor=None, team=team)
    return run


def clean_tags(tags: Sequence[str]) -> list[str]:
    """Tags without blanks around them and without repeats, in the order they were given."""
    words = [" ".join(clean_text(tag).split()) for tag in tags]
    too_long = [word for word in words if len(word) > 40]
    if too_long:
        raise RunRefused(f"The tag {too_long[0]!r} has {len(too_long[0])} characters; use 40 or fewer.")
    return list(dict.fromkeys(word for word in words if word))
