"""Sweeps: the runs of a grid, started together or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.counted import counted
from webapp.runs.errors import RunRefused
from webapp.runs.grid import MOST_RUNS, Axis, Cell, as_data
from webapp.runs.models import DEFAULT_ATTEMPTS, Run
from webapp.runs.planning_models import Sweep
from webapp.runs.services.creation import MadeBy, create_run

NAME_LETTERS = 120


@transaction.atomic
def create_sweep(
    *,
    owner: User,
    team: Team,
    name: str,
    axes: Sequence[Axis],
    cells: Sequence[Cell],
    preset: str = "",
    parent: Run | None = None,
    tags: Sequence[str] = (),
    made_by: MadeBy | None = None,
    tries: int = DEFAULT_ATTEMPTS,
    ip: str | None = None,
) -> Sweep:
    """Queue a run for each cell of the grid, in its order; each is named by its values."""
    require_role(owner, team, Role.RUNNER, "start a sweep")
    if not 2 <= len(cells) <= MOST_RUNS:
        raise RunRefused(f"The sweep has {counted(len(cells), 'run')}; use 2 to {MOST_RUNS}.")
    sweep = Sweep.objects.create(team=team, owner=owner, name=name[:NAME_LETTERS], axes=as_data(axes))
    made_by = made_by or MadeBy()
    for cell in cells:
        create_run(
            owner=owner,
            team=team,
            config=cell.config,
            name=_name(name, cell),
            preset=preset,
            parent=parent,
            tags=tags,
            made_by=MadeBy(
                checkpoint=made_by.checkpoint,
                team_preset=made_by.team_preset,
                schedule=made_by.schedule,
                sweep=sweep,
            ),
            tries=tries,
            ip=ip,
        )
    record(action="sweep.created", subject=sweep, actor=owner, team=team, ip=ip, runs=len(cells), axes=sweep.axes)
    return sweep


def _name(name: str, cell: Cell) -> str:
    """The sweep's name and the run's values; the values are what must not be cut off."""
    label = cell.label[:80]
    return f"{name[: NAME_LETTERS - len(label) - 3]} · {label}"
