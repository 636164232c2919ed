"""The read API's tasks against runs, and runs against each other. A part of `routes.py`."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.errors import HttpError

from webapp.analysis.address import MatrixAsk
from webapp.analysis.cells import Row
from webapp.analysis.chosen import MOST_RUNS, Chosen, chosen_from, named_ids
from webapp.analysis.comparison import FEWEST
from webapp.analysis.differing import differing
from webapp.analysis.honesty import notes_of, sides_of
from webapp.analysis.matrix import Column, Matrix, matrix_of
from webapp.analysis.summary import summary_of
from webapp.api.people_auth import visible_runs
from webapp.counted import counted
from webapp.runs.rates import Faults

router = Router()

Tries = Literal["", "measured", "train", "held_out", "validation_train", "evaluation", "selection", "all"]
Ids = Annotated[list[str], Query(min_length=1, max_length=200)]


class CellData(Schema):
    """One task in one column; `tries` are scored ones, and with `faults=failures` lost ones too."""

    successes: int
    tries: int
    faults: int
    lost: int
    in_replay: int
    interval: tuple[float, float] | None


class RowData(Schema):
    """One task; `cells` stand in the order of the columns, null where it was never begun."""

    task: str
    instruction: str
    domain: str
    infeasible: bool
    cells: list[CellData | None]


class ColumnData(Schema):
    """One run, or some steps of one."""

    run: str
    name: str
    first_step: int | None
    last_step: int | None


class MatrixData(Schema):
    """Tasks against runs. Infeasible tasks stand at the end and are in no other figure."""

    tries: str
    faults: Faults
    columns: list[ColumnData]
    rows: list[RowData]
    shared: int
    not_visible: int
    """Ids that name no run, or one of a team that you are not in."""


class NumberData(Schema):
    """One number of one run, with the difference from the baseline's."""

    run: str
    value: float
    low: float | None
    high: float | None
    interval: str
    successes: int | None
    tries: int | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None


class LineData(Schema):
    """One number in every run that has it."""

    title: str
    runs: list[NumberData]


class SettingData(Schema):
    """A setting that differs, in the order of the runs, as words."""

    path: str
    values: list[str]


class CompareData(Schema):
    """Runs beside each other."""

    runs: list[str]
    baseline: str
    notes: list[str]
    settings: list[SettingData]
    summary: list[LineData]
    not_visible: int


@router.get("/matrix", response=MatrixData)
def get_matrix(
    request: HttpRequest,
    runs: Ids,
    by: Literal["runs", "steps"] = "runs",
    tries: Tries = "",
    when: Literal["all", "late"] = "all",
    faults: Faults = Faults.LEFT_OUT,
    sort: Literal["disagreement", "regression", "variance", "never_solved", "task"] = "disagreement",
) -> MatrixData:
    """Successes of tries of every task, run by run, or over the steps of the first run."""
    chosen = _chosen(request, runs, least=1)
    ask = MatrixAsk(by=by, tries=tries, when=when, faults=faults, order=sort)
    matrix = matrix_of(chosen.runs, ask)
    return MatrixData(
        tries=matrix.tries,
        faults=faults,
        columns=[_column(column) for column in matrix.columns],
        rows=[_row(row) for row in (*matrix.rows, *matrix.infeasible)],
        shared=matrix.shared,
        not_visible=chosen.unseen,
    )


@router.get("/compare", response=CompareData)
def get_comparison(
    request: HttpRequest,
    runs: Ids,
    baseline: str = "",
    tries: Tries = "",
    when: Literal["all", "late"] = "all",
    faults: Faults = Faults.LEFT_OUT,
) -> CompareData:
    """Two to twenty runs: settings that differ, numbers with their intervals, and what makes them hard to compare."""
    chosen = _chosen(request, runs, least=FEWEST)
    ask = MatrixAsk(tries=tries, when=when, faults=faults)
    matrix: Matrix = matrix_of(chosen.runs, ask)
    base = chosen.ids.index(baseline) if baseline in chosen.ids else 0
    notes = notes_of(sides_of(chosen.runs), matrix.rows, matrix.totals, matrix.shared, matrix.tries)
    return CompareData(
        runs=chosen.ids,
        baseline=chosen.ids[base],
        notes=[note.text for note in notes],
        settings=[
            SettingData(path=setting.path, values=list(setting.values))
            for setting in differing([run.config for run in chosen.runs], base)
        ],
        summary=_summary(chosen, matrix, base, faults_count=ask.faults_count),
        not_visible=chosen.unseen,
    )


def _chosen(request: HttpRequest, words: list[str], *, least: int) -> Chosen:
    chosen = chosen_from(visible_runs(request), named_ids(words))
    if not chosen.runs:
        raise HttpError(404, "None of these runs is there that you can see; check the ids and your team.")
    if not least <= len(chosen.runs) <= MOST_RUNS:
        named = f"{counted(len(chosen.runs), 'run')} {'is' if len(chosen.runs) == 1 else 'are'} named that you can see"
        raise HttpError(422, f"{named}; give {least} to {MOST_RUNS}.")
    return chosen


def _column(column: Column) -> ColumnData:
    return ColumnData(run=column.run.pk, name=column.run.name, first_step=column.first, last_step=column.last)


def _row(row: Row) -> RowData:
    cells = [
        CellData(
            successes=cell.successes,
            tries=cell.tries,
            faults=cell.faults,
            lost=cell.lost,
            in_replay=cell.in_replay,
            interval=cell.interval,
        )
        if cell is not None
        else None
        for cell in row.cells
    ]
    task = row.task
    return RowData(
        task=task.task_id, instruction=task.instruction, domain=task.domain, infeasible=task.infeasible, cells=cells
    )


def _summary(chosen: Chosen, matrix: Matrix, base: int, *, faults_count: bool) -> list[LineData]:
    return [
        LineData(
            title=line.title,
            runs=[
                NumberData(
                    run=run.pk,
                    value=one.estimate.value,
                    low=one.estimate.low,
                    high=one.estimate.high,
                    interval=one.estimate.how,
                    successes=one.estimate.successes,
                    tries=one.estimate.tries,
                    difference=one.delta.value if one.delta else None,
                    difference_low=one.delta.low if one.delta else None,
                    difference_high=one.delta.high if one.delta else None,
                )
                for run, one in zip(chosen.runs, line.figures, strict=True)
                if one.estimate is not None
            ],
        )
        for line in summary_of(chosen.runs, matrix, base, faults_count=faults_count)
    ]
