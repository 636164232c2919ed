"""A sweep as its page shows it: a row for each run with the values of the swept settings. Scoped to the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from webapp.accounts.permissions import Person
from webapp.accounts.selectors import teams_visible_to
from webapp.runs.access import runs_visible_to
from webapp.runs.config_tree import flatten, show
from webapp.runs.counting import rates_of_each
from webapp.runs.grid import Axis, from_data
from webapp.runs.models import Run
from webapp.runs.planning_models import Sweep
from webapp.runs.rates import Faults, Rate

MOST_COMPARED = 20
"""Runs that the page of comparison takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """One run and what it was given of each swept setting."""

    run: Run
    values: tuple[tuple[str, str], ...]
    """Path and value of each axis, in the order of the axes."""
    rates: Mapping[str, Rate]
    """Its success in the last step and on held-out tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPage:
    """What the page shows."""

    sweep: Sweep
    axes: tuple[Axis, ...]
    rows: tuple[SweepRow, ...]

    @property
    def compared(self) -> str:
        """The ids that the page of comparison is asked for."""
        return ",".join(row.run.pk for row in self.rows[:MOST_COMPARED])

    @property
    def more_than_compared(self) -> bool:
        """Whether the page of comparison does not take all of them."""
        return len(self.rows) > MOST_COMPARED


def sweep_visible_to(person: Person, sweep_id: int, counting: Faults = Faults.LEFT_OUT) -> SweepPage | None:
    """The sweep for members of its team; None for anybody else."""
    sweeps = Sweep.objects.filter(team__in=teams_visible_to(person)).select_related("owner", "team")
    sweep = sweeps.filter(pk=sweep_id).first()
    if sweep is None:
        return None
    axes = tuple(from_data(sweep.axes))
    runs = list(runs_visible_to(person).filter(sweep=sweep).select_related("owner").order_by("created_at", "pk"))
    rates = rates_of_each(runs, counting)
    return SweepPage(sweep=sweep, axes=axes, rows=tuple(_row(run, axes, rates[run.pk]) for run in runs))


def _row(run: Run, axes: tuple[Axis, ...], rates: Mapping[str, Rate]) -> SweepRow:
    flat = flatten(run.config)
    values = tuple((axis.path, show(flat.get(axis.path))) for axis in axes)
    return SweepRow(run=run, values=values, rates=rates)
