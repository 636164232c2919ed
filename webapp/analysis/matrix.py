"""The matrix of tasks: chosen runs side by side, or one run over its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from webapp.analysis import counts
from webapp.analysis.address import MatrixAsk
from webapp.analysis.cells import Cell, Row, Task, domains_of, ordered, shared, totals
from webapp.analysis.chosen import MOST_RUNS
from webapp.runs.models import Run

PAGE_SIZE: Final = 100
"""Rows of a page: with 20 columns 2,000 cells, which a browser draws at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One run, or some steps of one."""

    run: Run
    label: str
    first: int | None = None
    last: int | None = None
    """The steps that its tries are of; None for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Everything that the page shows."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    """The feasible tasks, in order; a page's own rows are `page_rows`."""
    infeasible: tuple[Row, ...]
    totals: tuple[Cell, ...]
    """Each column over its own feasible tasks."""
    shared_totals: tuple[Cell, ...]
    """Each column over the tasks that every column tried: only these can be compared."""
    shared: int
    domains: tuple[str, ...]
    sets: tuple[str, ...]
    """Which tries there are, by their words."""
    tries: str
    """Which of them are counted."""
    page: int
    pages: int

    @property
    def page_rows(self) -> tuple[Row, ...]:
        """The rows of the page."""
        return self.rows[(self.page - 1) * PAGE_SIZE : self.page * PAGE_SIZE]


def matrix_of(runs: Sequence[Run], ask: MatrixAsk) -> Matrix:
    """The matrix of these runs, which the caller knows that the person may see."""
    shown = list(runs[:1] if ask.by == "steps" else runs[:MOST_RUNS])
    ids = [run.pk for run in shown]
    reach = counts.reach_of(ids)
    tries = ask.tries or reach.usual
    splits = counts.SETS[tries]
    steps = reach.of(splits)
    if ask.by == "steps":
        columns, counted = _over_steps(shown, splits, steps, ask)
    else:
        columns, counted = _over_runs(shown, splits, steps, ask)
    tasks = counts.tasks_of(ids)
    return _put_together(columns, counted, tasks, ask, sets=tuple(reach.sets), tries=tries)


def _over_runs(
    runs: Sequence[Run], splits: Sequence[str], steps: dict[str, tuple[int, int]], ask: MatrixAsk
) -> tuple[list[Column], list[dict[str, Cell]]]:
    late = counts.late_from(steps) if ask.when == "late" else None
    ids = [run.pk for run in runs]
    counted = counts.by_run(ids, splits, late_from=late, faults_count=ask.faults_count)
    columns = [
        Column(
            run=run,
            label=run.name,
            first=late.get(run.pk) if late else None,
            last=steps[run.pk][1] if late and run.pk in steps else None,
        )
        for run in runs
    ]
    return columns, [counted[run_id] for run_id in ids]


def _over_steps(
    runs: Sequence[Run], splits: Sequence[str], steps: dict[str, tuple[int, int]], ask: MatrixAsk
) -> tuple[list[Column], list[dict[str, Cell]]]:
    if not runs or runs[0].pk not in steps:
        return [], []
    first, last = steps[runs[0].pk]
    stretches, counted = counts.by_steps(runs[0], splits, first=first, last=last, faults_count=ask.faults_count)
    columns = [
        Column(run=runs[0], label=stretch.label, first=stretch.first, last=stretch.last) for stretch in stretches
    ]
    return columns, list(counted.values())


def _put_together(
    columns: Sequence[Column],
    counted: Sequence[dict[str, Cell]],
    tasks: dict[str, Task],
    ask: MatrixAsk,
    *,
    sets: tuple[str, ...],
    tries: str,
) -> Matrix:
    begun = {task_id for column in counted for task_id in column}
    rows = [
        Row(task=tasks[task_id], cells=tuple(column.get(task_id) for column in counted))
        for task_id in begun
        if _wanted(tasks[task_id], ask)
    ]
    feasible = ordered([row for row in rows if not row.task.infeasible], ask.order)
    common = shared(feasible)
    pages = max(1, -(-len(feasible) // PAGE_SIZE))
    return Matrix(
        columns=tuple(columns),
        rows=tuple(feasible),
        infeasible=tuple(ordered([row for row in rows if row.task.infeasible], ask.order)),
        totals=totals(feasible, len(columns)),
        shared_totals=totals(common, len(columns)),
        shared=len(common),
        domains=tuple(domains_of(tasks)),
        sets=sets,
        tries=tries,
        page=min(ask.page, pages),
        pages=pages,
    )


def _wanted(task: Task, ask: MatrixAsk) -> bool:
    if ask.domain and task.domain != ask.domain:
        return False
    words = ask.search.lower().split()
    text = f"{task.task_id} {task.instruction}".lower()
    return all(word in text for word in words)
