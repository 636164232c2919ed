"""One task over runs and steps: how often each run solved it, when first and when last, and episodes to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Max, Min

from arpo_engine.contract.outcomes import SOLVED_ABOVE
from webapp.analysis import counts
from webapp.analysis.address import MatrixAsk
from webapp.analysis.cells import Cell, Task
from webapp.analysis.models import TaskTally
from webapp.episodes.models import Episode
from webapp.runs.models import Run

SHOWN: Final = 4
"""Newest episodes that are shown of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInRun:
    """What one run knows of the task."""

    run: Run
    cell: Cell | None
    """None: this run never began it."""
    first_solved: int | None
    last_tried: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything that the panel shows."""

    task: Task
    runs: tuple[TaskInRun, ...]
    solved: tuple[Episode, ...]
    failed: tuple[Episode, ...]
    tries: str


def history_of(runs: Sequence[Run], task_id: str, ask: MatrixAsk) -> History | None:
    """The history of a task in these runs, which the caller knows that the person may see; None for a task that none
    of them tried."""
    ids = [run.pk for run in runs]
    task = counts.tasks_of(ids, task_id).get(task_id)
    if task is None:
        return None
    tries = ask.tries or counts.reach_of(ids).usual
    splits = counts.SETS[tries]
    counted = counts.by_run(ids, splits, faults_count=ask.faults_count, task_id=task_id)
    first, last = _steps(ids, task_id, splits)
    episodes = Episode.objects.filter(run__in=ids, task_id=task_id, split__in=splits).select_related("run")
    newest = episodes.exclude(score=None).order_by("-pk")
    return History(
        task=task,
        runs=tuple(
            TaskInRun(
                run=run,
                cell=counted[run.pk].get(task_id),
                first_solved=first.get(run.pk),
                last_tried=last.get(run.pk),
            )
            for run in runs
        ),
        solved=tuple(newest.filter(score__gt=SOLVED_ABOVE)[:SHOWN]),
        failed=tuple(newest.filter(score__lte=SOLVED_ABOVE)[:SHOWN]),
        tries=tries,
    )


def _steps(ids: Sequence[str], task_id: str, splits: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """The step of the first success and of the last try, by run."""
    tallies = TaskTally.objects.filter(
        task__run__in=ids, task__task_id=task_id, split__in=splits, superseded=False
    ).order_by()
    solved = tallies.filter(successes__gt=0).values_list("task__run").annotate(Min("step"))
    tried = tallies.values_list("task__run").annotate(Max("step"))
    return dict(solved), dict(tried)
