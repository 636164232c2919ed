"""The numbers of several runs beside each other: each with its interval, and how far it is from the baseline's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from webapp.analysis import counts
from webapp.analysis.cells import Cell
from webapp.analysis.estimates import Delta, Estimate, delta, mean_of, rate
from webapp.analysis.matrix import Matrix
from webapp.analysis.windows import Window, late_windows
from webapp.counted import counted
from webapp.metrics.charts import CHARTS
from webapp.runs.models import Run

MEANS: Final[dict[str, str]] = {
    "train/reward": "Reward of a rollout",
    "rollout/turns": "Actions of a rollout",
    "train/entropy": "Token entropy (nats)",
    "train/approx_kl": "KL to the old policy (nats)",
    "train/clip_fraction": "Clip fraction",
    "train/grad_norm": "Norm of the gradient",
    "replay/size": "Successes in the replay buffer",
    "time/step_s": "Seconds of a step",
}
"""Curves of which the late part is summed up, and what they are called."""
HOW: Final = {
    "wilson": "95 % interval: Wilson",
    "newcombe": "difference: Newcombe",
    "batch means": "95 % interval: batch means (normal, by stretches of steps)",
    "none": "too few steps for an interval",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of one run; `delta` is None for the baseline itself, and where one of the two is missing."""

    estimate: Estimate | None
    delta: Delta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One number in every run."""

    title: str
    story: str
    figures: tuple[Figure, ...]
    is_rate: bool


def summary_of(
    runs: Sequence[Run], matrix: Matrix, baseline: int, *, faults_count: bool, keys: Sequence[str] = ()
) -> list[Line]:
    """The lines of the table; what no run has is left out."""
    lines = [
        _rates(
            f"Solved, the {counted(matrix.shared, 'task')} that all tried",
            "Feasible tasks with a scored try in every run: only these compare like with like.",
            matrix.shared_totals,
            baseline,
        ),
        _rates("Solved, each run's own tasks", "All feasible tasks of each run.", matrix.totals, baseline),
        _rates(
            "Rollouts solved, last fifth of the steps",
            "What the run learned from at its end, feasible tasks, with the training's own sampling.",
            _late_rollouts(runs, faults_count),
            baseline,
        ),
        _rates(
            "Tries lost to infrastructure faults",
            "Lost for good among all tries: no other try made them good.",
            [_lost(cell, faults_count) for cell in matrix.totals],
            baseline,
        ),
    ]
    named = {**MEANS, **{key: key for key in keys if key not in MEANS and key not in CHARTS}}
    windows = late_windows([run.pk for run in runs], list(named))
    lines += [_means(title, key, runs, windows, baseline) for key, title in named.items()]
    return [line for line in lines if any(figure.estimate is not None for figure in line.figures)]


def _rates(title: str, story: str, cells: Sequence[Cell], baseline: int) -> Line:
    estimates = [rate(cell.successes, cell.tries) for cell in cells]
    return _line(title, story, estimates, baseline, is_rate=True)


def _means(title: str, key: str, runs: Sequence[Run], windows: Mapping[tuple[str, str], Window], baseline: int) -> Line:
    found = [windows.get((run.pk, key)) for run in runs]
    estimates = [mean_of(window.batches, window.value) if window else None for window in found]
    story = f"Mean of {key} over the last fifth of its steps."
    return _line(title, story, estimates, baseline, is_rate=False)


def _line(title: str, story: str, estimates: Sequence[Estimate | None], baseline: int, *, is_rate: bool) -> Line:
    base = estimates[baseline] if estimates else None
    figures = tuple(
        Figure(
            estimate=one,
            delta=delta(one, base) if one is not None and base is not None and place != baseline else None,
        )
        for place, one in enumerate(estimates)
    )
    return Line(title=title, story=story, figures=figures, is_rate=is_rate)


def _late_rollouts(runs: Sequence[Run], faults_count: bool) -> list[Cell]:
    ids = [run.pk for run in runs]
    splits = counts.SETS["train"]
    late = counts.late_from(counts.reach_of(ids).of(splits))
    counted = counts.by_run(ids, splits, late_from=late, faults_count=faults_count)
    apart = {task_id for task_id, task in counts.tasks_of(ids).items() if task.infeasible}
    cells = [[cell for task_id, cell in counted[run_id].items() if task_id not in apart] for run_id in ids]
    return [Cell(successes=sum(one.successes for one in own), tries=sum(one.tries for one in own)) for own in cells]


def _lost(cell: Cell, faults_count: bool) -> Cell:
    """Lost tries among all; with the switch on, the lost ones are among the tries already."""
    return Cell(successes=cell.lost, tries=cell.tries if faults_count else cell.tries + cell.lost)
