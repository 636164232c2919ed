"""What the pages show, as CSV for a notebook or a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.analysis.address import clean
from webapp.analysis.chosen import MOST_RUNS
from webapp.analysis.comparison import CompareAsk, baseline_of, panels_of, read_compare
from webapp.analysis.counts import SETS, of_task
from webapp.analysis.differing import differing
from webapp.analysis.matrix import Matrix, matrix_of
from webapp.analysis.summary import summary_of
from webapp.analysis.views.compare import chosen_visible_to
from webapp.metrics.series import series
from webapp.runs.counting import counting_of
from webapp.runs.models import Run

Table = Iterable[Sequence[Any]]
CURVE_POINTS: Final = 1500
RISKY: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that begins with one of these for a formula."""


@require_safe
@signed_in
def download(request: PersonRequest, table: str) -> HttpResponse:
    """One table of the runs in the address."""
    make = TABLES.get(table)
    chosen = chosen_visible_to(request)
    if make is None or not chosen.runs:
        raise Http404("There is no such table, or none of these runs.")
    runs = chosen.runs[:MOST_RUNS]
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in make(request, runs, read_compare(request.GET, counting_of(request))):
        writer.writerow([plain(cell) for cell in row])
    response = HttpResponse(buffer.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="compared-{table}.csv"'
    return response


def plain(cell: Any) -> Any:
    """A text as a spreadsheet shows it, and does not run it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(RISKY) else cell


def _summary(request: PersonRequest, runs: Sequence[Run], ask: CompareAsk) -> Iterator[Sequence[Any]]:
    base = baseline_of(runs, ask)
    matrix = matrix_of(runs, ask.matrix)
    yield (
        "number", "run", "name", "value", "low", "high", "interval", "successes", "tries", "difference",
        "difference_low", "difference_high", "baseline",
    )  # fmt: skip
    for line in summary_of(runs, matrix, base, faults_count=ask.matrix.faults_count, keys=ask.keys):
        for run, one in zip(runs, line.figures, strict=True):
            if one.estimate is None:
                continue
            known, apart = one.estimate, one.delta
            yield (
                line.title, run.pk, run.name, known.value, known.low, known.high, known.how, known.successes,
                known.tries, apart.value if apart else None, apart.low if apart else None,
                apart.high if apart else None, runs[base].pk,
            )  # fmt: skip


def _settings(request: PersonRequest, runs: Sequence[Run], ask: CompareAsk) -> Iterator[Sequence[Any]]:
    yield ("setting", *(f"{run.name} ({run.pk})" for run in runs))
    for setting in differing([run.config for run in runs], baseline_of(runs, ask)):
        yield (setting.path, *setting.values)


def _tasks(request: PersonRequest, runs: Sequence[Run], ask: CompareAsk) -> Iterator[Sequence[Any]]:
    matrix: Matrix = matrix_of(runs, ask.matrix)
    yield ("task", "domain", "infeasible", "run", "name", "tries_of", "successes", "tries", "faults", "in_replay")
    for row in (*matrix.rows, *matrix.infeasible):
        for column, cell in zip(matrix.columns, row.cells, strict=True):
            if cell is not None:
                yield (
                    row.task.task_id, row.task.domain, row.task.infeasible, column.run.pk, column.run.name,
                    matrix.tries, cell.successes, cell.tries, cell.faults, cell.in_replay,
                )  # fmt: skip


def _curves(request: PersonRequest, runs: Sequence[Run], ask: CompareAsk) -> Iterator[Sequence[Any]]:
    keys = list(ask.keys) or [panel.key for panel in panels_of(runs, ())]
    yield ("run", "name", "key", "step", "unix_time", "mean", "min", "max", "points")
    for run in runs:
        for key, curve in series(run.pk, keys, CURVE_POINTS).items():
            one = curve.columns
            for values in zip(one.step, one.at, one.mean, one.minimum, one.maximum, one.count, strict=True):
                yield (run.pk, run.name, key, *values)


def _history(request: PersonRequest, runs: Sequence[Run], ask: CompareAsk) -> Iterator[Sequence[Any]]:
    task_id = clean(request.GET.get("task", ""))
    splits = SETS[ask.matrix.tries or "all"]
    found = of_task([run.pk for run in runs], task_id, splits, faults_count=ask.matrix.faults_count)
    yield ("task", "run", "name", "step", "successes", "tries")
    for run in runs:
        for step, successes, tries in found.get(run.pk, []):
            yield (task_id, run.pk, run.name, step, successes, tries)


TABLES: Final[dict[str, Callable[[PersonRequest, Sequence[Run], CompareAsk], Table]]] = {
    "summary": _summary,
    "settings": _settings,
    "tasks": _tasks,
    "curves": _curves,
    "history": _history,
}
"""What can be exported, by its word in the address."""
