"""Counts of tasks out of the database, summed by run or by stretches of steps. Runs are taken as the caller may see
them; nothing here asks who is looking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import Count

from arpo_engine.contract.outcomes import Split
from webapp.analysis.cells import Cell, Task
from webapp.analysis.models import SeenTask
from webapp.episodes.models import ReplayEntry
from webapp.episodes.selectors import MEASURED, MEASURED_SPLITS
from webapp.runs.models import Run

SETS: Final[dict[str, tuple[str, ...]]] = {
    MEASURED: MEASURED_SPLITS,
    "train": (Split.TRAIN.value,),
    "held_out": (Split.HELD_OUT.value,),
    "validation_train": (Split.VALIDATION_TRAIN.value,),
    "evaluation": (Split.EVALUATION.value,),
    "selection": (Split.SELECTION.value,),
    "all": tuple(split.value for split in Split if split is not Split.TRYOUT),
}
"""Which tries are counted: the word of the address, and the splits that it stands for. What a person directed is none
of them."""
LATE_SHARE: Final = 5
"""The late part of a run is the last fifth of its steps."""
MOST_STRETCHES: Final = 20
"""Columns that the steps of one run are shown in."""

SUMS: Final = """
    sum(tally.successes)::integer, sum(tally.tries)::integer, sum(tally.faults)::integer,
    sum(greatest(tally.faults - tally.retries, 0))::integer
"""
BY_RUN: Final = f"""
    SELECT seen.run_id, seen.task_id, {SUMS}
    FROM analysis_seentask AS seen
    JOIN analysis_tasktally AS tally ON tally.task_id = seen.id
    JOIN unnest(%(runs)s::varchar[], %(from)s::integer[]) AS wanted(run_id, step) ON wanted.run_id = seen.run_id
    WHERE tally.split = ANY(%(splits)s) AND NOT tally.superseded AND tally.step >= wanted.step
          AND (%(task)s::varchar IS NULL OR seen.task_id = %(task)s)
    GROUP BY seen.run_id, seen.task_id
"""
BY_STEPS: Final = f"""
    SELECT tally.step / %(width)s, seen.task_id, {SUMS}
    FROM analysis_seentask AS seen
    JOIN analysis_tasktally AS tally ON tally.task_id = seen.id
    WHERE seen.run_id = %(run)s AND tally.split = ANY(%(splits)s) AND NOT tally.superseded
    GROUP BY 1, 2
"""
OF_TASK: Final = f"""
    SELECT seen.run_id, tally.step, {SUMS}
    FROM analysis_seentask AS seen
    JOIN analysis_tasktally AS tally ON tally.task_id = seen.id
    WHERE seen.run_id = ANY(%(runs)s) AND seen.task_id = %(task)s AND tally.split = ANY(%(splits)s)
          AND NOT tally.superseded
    GROUP BY 1, 2 ORDER BY 1, 2
"""
STEPS: Final = """
    SELECT seen.run_id, tally.split, min(tally.step), max(tally.step)
    FROM analysis_seentask AS seen
    JOIN analysis_tasktally AS tally ON tally.task_id = seen.id
    WHERE seen.run_id = ANY(%(runs)s) AND NOT tally.superseded
    GROUP BY seen.run_id, tally.split
"""

Counted = dict[str, dict[str, Cell]]
"""Column to task id to its cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Some consecutive steps of a run."""

    first: int
    last: int

    @property
    def label(self) -> str:
        """`40` or `40-79`."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which tries there are of some runs, and in which steps."""

    steps: dict[tuple[str, str], tuple[int, int]]
    """(run, split) to the first and the last step; what was not tried is left out."""

    @property
    def sets(self) -> list[str]:
        """The sets with tries, each by its word, in the order of `SETS`."""
        there = {split for _, split in self.steps}
        return [word for word, splits in SETS.items() if there & set(splits)]

    @property
    def usual(self) -> str:
        """What is counted when nobody asked: measured tries where there are any, else rollouts."""
        return MEASURED if MEASURED in self.sets else "train"

    def of(self, splits: Sequence[str]) -> dict[str, tuple[int, int]]:
        """The first and the last step of each run in these splits."""
        found: dict[str, tuple[int, int]] = {}
        for (run_id, split), (first, last) in self.steps.items():
            if split in splits:
                low, high = found.get(run_id, (first, last))
                found[run_id] = (min(low, first), max(high, last))
        return found


def reach_of(run_ids: Sequence[str]) -> Reach:
    """What these runs tried, and when."""
    rows = _rows(STEPS, {"runs": list(run_ids)})
    return Reach(steps={(run_id, split): (first, last) for run_id, split, first, last in rows})


def by_run(
    run_ids: Sequence[str],
    splits: Sequence[str],
    *,
    late_from: dict[str, int] | None = None,
    faults_count: bool,
    task_id: str | None = None,
) -> Counted:
    """Every task of these runs, or one of them. `late_from`: the step from which tries count, by run. `faults_count`: a
    try that a fault ended, and that no other made good, counts as a failure."""
    begin = [(late_from or {}).get(run_id, 0) for run_id in run_ids]
    words = {"runs": list(run_ids), "from": begin, "splits": list(splits), "task": task_id}
    held = _held(run_ids)
    counted: Counted = {run_id: {} for run_id in run_ids}
    for run_id, task_id, successes, tries, faults, lost in _rows(BY_RUN, words):
        counted[run_id][task_id] = Cell(
            successes=successes,
            tries=tries + (lost if faults_count else 0),
            faults=faults,
            lost=lost,
            in_replay=held.get((run_id, task_id), 0),
        )
    return counted


def by_steps(
    run: Run, splits: Sequence[str], *, first: int, last: int, faults_count: bool
) -> tuple[list[Stretch], Counted]:
    """One run in stretches of equal length, at most `MOST_STRETCHES`; columns are named by the stretch's first step."""
    width = width_of(first, last)
    stretches = [
        Stretch(first=max(first, place * width), last=min(last, (place + 1) * width - 1))
        for place in range(first // width, last // width + 1)
    ]
    counted: Counted = {str(place * width): {} for place in range(first // width, last // width + 1)}
    rows = _rows(BY_STEPS, {"run": run.pk, "splits": list(splits), "width": width})
    for place, task_id, successes, tries, faults, lost in rows:
        counted[str(place * width)][task_id] = Cell(
            successes=successes, tries=tries + (lost if faults_count else 0), faults=faults, lost=lost
        )
    _mark_held(run, stretches, list(counted.values()))
    return stretches, counted


def of_task(
    run_ids: Sequence[str], task_id: str, splits: Sequence[str], *, faults_count: bool
) -> dict[str, list[tuple[int, int, int]]]:
    """One task over the steps: (step, successes, tries) by run, in order."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    rows = _rows(OF_TASK, {"runs": list(run_ids), "task": task_id, "splits": list(splits)})
    for run_id, step, successes, tries, _, lost in rows:
        found.setdefault(run_id, []).append((step, successes, tries + (lost if faults_count else 0)))
    return found


def width_of(first: int, last: int) -> int:
    """Steps in a stretch, so that there are not too many: 1, 2 or 5 times a power of ten."""
    width = 1
    for factor in _round_numbers():
        width = factor
        if last // width - first // width < MOST_STRETCHES:
            break
    return width


def tasks_of(run_ids: Sequence[str], task_id: str | None = None) -> dict[str, Task]:
    """What these runs know of their tasks, or of one; of a task of several runs one run's words are taken."""
    seen = SeenTask.objects.filter(run__in=list(run_ids))
    if task_id is not None:
        seen = seen.filter(task_id=task_id)
    seen = seen.order_by("task_id", "-domain", "-pk").distinct("task_id")
    return {
        task_id: Task(task_id=task_id, instruction=instruction, domain=domain, infeasible=infeasible)
        for task_id, instruction, domain, infeasible in seen.values_list(
            "task_id", "instruction", "domain", "infeasible"
        )
    }


def late_from(steps: dict[str, tuple[int, int]]) -> dict[str, int]:
    """The step from which the last fifth of each run begins; the last step is always in it."""
    return {
        run_id: first + -(-(last - first) * (LATE_SHARE - 1) // LATE_SHARE) for run_id, (first, last) in steps.items()
    }


def _held(run_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    entries = ReplayEntry.objects.filter(run__in=list(run_ids), evicted_step=None)
    rows = entries.values_list("run_id", "task_id").annotate(number=Count("pk")).order_by()
    return {(run_id, task_id): number for run_id, task_id, number in rows}


def _mark_held(run: Run, stretches: Sequence[Stretch], columns: Sequence[dict[str, Cell]]) -> None:
    """What the buffer held at the end of each stretch, on the cells that were tried there."""
    entries = list(ReplayEntry.objects.filter(run=run).values_list("task_id", "admitted_step", "evicted_step"))
    for stretch, column in zip(stretches, columns, strict=True):
        for task_id, admitted, evicted in entries:
            cell = column.get(task_id)
            if cell is not None and admitted <= stretch.last and (evicted is None or evicted > stretch.last):
                column[task_id] = Cell(
                    successes=cell.successes, tries=cell.tries, faults=cell.faults, lost=cell.lost,
                    in_replay=cell.in_replay + 1,
                )  # fmt: skip


def _round_numbers() -> list[int]:
    return [factor * 10**power for power in range(9) for factor in (1, 2, 5)]


def _rows(statement: str, words: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, words)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
