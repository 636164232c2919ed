"""What an address asks of a chart: which one, on which axes, how smooth, which part. Nonsense is the default."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from django.http import Http404, QueryDict
from django.utils import timezone

from webapp.accounts.permissions import Person
from webapp.drawn import Drawn
from webapp.metrics.axes import X_AXES, Ruler, View, read_end
from webapp.metrics.charts import CHARTS, Chart, chart_of_key
from webapp.metrics.columns import Curve
from webapp.metrics.figures import draw
from webapp.metrics.marks import REPLAY_KEY, marks_of
from webapp.metrics.models import SYSTEM_PREFIX
from webapp.metrics.selectors import CHART_POINTS, system_keys_visible_to
from webapp.metrics.series import StepRange, series
from webapp.metrics.smoothing import MAX_WEIGHT
from webapp.metrics.system import system_charts
from webapp.runs.models import Run

DEFAULT_SMOOTHING: Final = 0.6
FEWEST_POINTS: Final = 10
MOST_POINTS: Final = 1500
"""Of one curve in one figure."""
OLD_NAMES: Final = {"time": "relative"}
"""What an axis was called in addresses that people kept."""
MAX_KEY: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A chart of a run as somebody wants to see it."""

    chart: Chart
    view: View
    points: int = CHART_POINTS


def asked_view(words: QueryDict, run: Run) -> View:
    """How the charts are to be drawn."""
    x = OLD_NAMES.get(words.get("x", ""), words.get("x", "step"))
    x = x if x in X_AXES else "step"
    ends = [read_end(x, words.get(name, "")) for name in ("from", "to")]
    low, high = ends
    return View(
        x=x,  # type: ignore[arg-type]
        smoothing=_smoothing(words.get("smooth", "")),
        started=run.started_at,
        lasted_s=_lasted_s(run),
        log=words.get("log") == "1",
        hide_outliers=words.get("outliers") == "hide",
        marks=words.get("marks") != "0",
        range=(low, high) if low is not None and high is not None and low < high else None,
    )


def asked_chart(words: QueryDict, person: Person, run: Run) -> Chart:
    """The chart that is named, or that of one key.

    Raises:
        Http404: there is no chart of that name.
    """
    key, name = words.get("key", "").replace("\x00", ""), words.get("chart", "")
    if key:
        return chart_of_key(key[:MAX_KEY])
    if name.startswith(SYSTEM_PREFIX):
        charts = system_charts(system_keys_visible_to(person, run), words.get("host", ""))
        found = next((chart for chart in charts if chart.name == name), None)
    else:
        found = CHARTS.get(name)
    if found is None:
        raise Http404(f"There is no chart {name[:40]!r}.")
    return found


def asked(words: QueryDict, person: Person, run: Run, most: int | None = None) -> Asked:
    """All that the address says; `most` points of a curve, whatever the address says of that."""
    points = words.get("points", "")
    number = int(points) if points.isascii() and points.isdigit() and len(points) < 6 else CHART_POINTS
    number = most or min(max(number, FEWEST_POINTS), MOST_POINTS)
    return Asked(chart=asked_chart(words, person, run), view=asked_view(words, run), points=number)


def drawn(asked: Asked, run: Run) -> Drawn:
    """The figure that is asked for, with what happened in the part of the run that it shows.

    The caller has made sure that the person may see the run.
    """
    of_machines = asked.chart.name.startswith(SYSTEM_PREFIX)
    marked = asked.view.marks and not of_machines
    curves, steps = curves_asked(asked, run, {REPLAY_KEY} if marked else set())
    marks = marks_of(run, curves.get(REPLAY_KEY), steps) if marked else []
    told = [{"kind": mark.kind, "step": mark.step, "words": mark.words} for mark in marks]
    return replace(draw(asked.chart, curves, asked.view, marks), marks=told, step_word=asked.chart.step_word)


def curves_asked(
    asked: Asked, run: Run, others: AbstractSet[str] = frozenset()
) -> tuple[dict[str, Curve], StepRange | None]:
    """The curves of the chart (and others), a part of the axis in finer buckets; and which steps that part is."""
    view = asked.view
    keys = {line.key for line in asked.chart.lines}
    curves = series(run.pk, keys | view.needs | others, asked.points)
    if view.range is None:
        return curves, None
    longest = max((curves[key] for key in keys if key in curves), key=len, default=None)
    ruler = Ruler(view, curves)
    steps = ruler.steps(longest.columns) if longest is not None and ruler.usable else None
    if steps is None:
        return curves, None
    return {**curves, **series(run.pk, keys | others, asked.points, steps)}, steps


def _smoothing(word: str) -> float:
    try:
        value = float(word) if word else DEFAULT_SMOOTHING
    except ValueError:
        return DEFAULT_SMOOTHING
    return value if 0 <= value <= MAX_WEIGHT else DEFAULT_SMOOTHING


def _lasted_s(run: Run) -> float:
    if run.started_at is None:
        return 0.0
    return ((run.finished_at or timezone.now()) - run.started_at).total_seconds()
