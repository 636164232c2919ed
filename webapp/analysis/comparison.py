"""Several runs beside each other: what of them is drawn and summed up, as an address asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.http import QueryDict
from django.utils import timezone

from webapp.analysis.address import MatrixAsk, clean, read_matrix
from webapp.analysis.compared_figures import RunLine, Subject, draw_groups, draw_runs
from webapp.analysis.curves import Placed, placed
from webapp.analysis.differing import BUT_SEED, SEED, Setting, grouped
from webapp.analysis.figures import names_of
from webapp.analysis.strokes import strokes_of, strokes_of_groups
from webapp.drawn import Drawn
from webapp.metrics.axes import X_AXES, Ruler, View, read_end
from webapp.metrics.charts import CHARTS, Line
from webapp.metrics.models import Series
from webapp.metrics.series import series
from webapp.metrics.smoothing import MAX_WEIGHT
from webapp.runs.models import Run
from webapp.runs.rates import Faults

FEWEST: Final = 2
DEFAULT_SMOOTHING: Final = 0.6
POINTS: Final = 400
"""Samples of one run's curve in one chart."""
MOST_KEYS: Final = 24
"""Charts that an address may ask for beside the usual ones."""
USUAL: Final = (
    "train/success", "validation/held_out_success", "validation/train_success", "evaluation/held_out_success",
    "train/reward", "train/entropy", "train/approx_kl", "train/clip_fraction", "train/advantage_std", "replay/size",
    "replay/hits", "rollout/faults", "time/step_s",
)  # fmt: skip
"""Keys that have a chart wherever one of the runs logged them."""
RATES: Final = frozenset(line.key for chart in CHARTS.values() if chart.percent for line in chart.lines)
_LINES: Final[dict[str, tuple[str, str]]] = {
    line.key: (chart.title if len(chart.lines) == 1 else f"{chart.title}: {line.name}", chart.unit)
    for chart in CHARTS.values()
    for line in chart.lines
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareAsk:
    """What the comparison shows."""

    matrix: MatrixAsk
    baseline: str = ""
    """Id of the run that the others are held against; empty: the first."""
    x: str = "step"
    smoothing: float = DEFAULT_SMOOTHING
    group: str = ""
    """A setting's path, or `BUT_SEED`; empty: a line for each run."""
    keys: tuple[str, ...] = ()
    """Numbers beside the usual ones."""
    range: tuple[float, float] | None = None
    """The part of the x axis that is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart of the grid."""

    key: str
    title: str


def read_compare(words: QueryDict, faults: Faults) -> CompareAsk:
    """What an address asks of the comparison; words that are not understood take their default."""
    x = words.get("x", "step")
    x = x if x in X_AXES else "step"
    low, high = (read_end(x, words.get(name, "")) for name in ("from", "to"))
    keys = [clean(word)[:120] for word in words.getlist("key")]
    return CompareAsk(
        matrix=replace(read_matrix(words, faults), by="runs", domain="", search=""),
        baseline=clean(words.get("baseline", "")),
        x=x,
        smoothing=_smoothing(words.get("smooth", "")),
        group=clean(words.get("group", "")),
        range=(low, high) if low is not None and high is not None and low < high else None,
        keys=tuple(dict.fromkeys(key for key in keys if key))[:MOST_KEYS],
    )


def baseline_of(runs: Sequence[Run], ask: CompareAsk) -> int:
    """The place of the run that the others are held against."""
    return next((place for place, run in enumerate(runs) if run.pk == ask.baseline), 0)


def panels_of(runs: Sequence[Run], keys: Sequence[str]) -> list[Panel]:
    """The charts of these runs: the usual ones that any of them logged, then those that the address names."""
    logged = set(Series.objects.filter(run__in=runs, key__in=USUAL).values_list("key", flat=True).distinct())
    chosen = dict.fromkeys([*keys, *(key for key in USUAL if key in logged)])
    return [Panel(key=key, title=title_of(key)) for key in chosen]


def keys_of_all(runs: Sequence[Run]) -> list[str]:
    """Every key that any of the runs logged, what its machines used left out."""
    logged = Series.objects.filter(run__in=runs).exclude(key__startswith="system/")
    return list(logged.order_by("key").values_list("key", flat=True).distinct())


def title_of(key: str) -> str:
    """What a number is called on the charts of a run; else its own key."""
    return _LINES.get(key, (key, ""))[0]


def groupings_of(settings: Sequence[Setting]) -> list[tuple[str, str]]:
    """What these runs can be grouped by: a word of the address, and how it is called."""
    paths = [(setting.path, setting.path) for setting in settings if setting.path != SEED]
    several = [(BUT_SEED, "All settings but the seed")] if any(setting.path == SEED for setting in settings) else []
    return [*several, *paths]


def draw_key(runs: Sequence[Run], key: str, ask: CompareAsk, points: int = POINTS) -> Drawn:
    """The chart of one number in these runs, which the caller knows that the person may see."""
    view = View(x=ask.x, smoothing=ask.smoothing, lasted_s=_longest_s(runs), range=ask.range)  # type: ignore[arg-type]
    names = names_of({run.pk: run.name for run in runs})
    groups = grouped([run.config for run in runs], ask.group) if ask.group else ["" for _ in runs]
    strokes = strokes_of_groups(groups) if ask.group else strokes_of([run.pk for run in runs])
    lines = [
        RunLine(
            name=names[run.pk],
            stroke=strokes[group if ask.group else run.pk],
            placed=_placed(run, key, view, points),
            group=group,
        )
        for run, group in zip(runs, groups, strict=True)
    ]
    draw = draw_groups if ask.group else draw_runs
    title, unit = _LINES.get(key, (key, ""))
    return draw(Subject(title=title, percent=key in RATES, unit=unit), lines, view)


def _placed(run: Run, key: str, view: View, points: int) -> Placed | None:
    own = replace(view, started=run.started_at)
    markers = _is_measured_now_and_then(key)
    curves = series(run.pk, {key, *own.needs}, points)
    ruler = Ruler(own, curves)
    steps = ruler.steps(curves[key].columns) if key in curves and ruler.usable else None
    if steps is not None:
        # The part that is looked at, in finer buckets.
        curves |= series(run.pk, [key], points, steps)
    return placed(key, curves, replace(own, smoothing=0.0) if markers else own)


def _is_measured_now_and_then(key: str) -> bool:
    lines: list[Line] = [line for chart in CHARTS.values() for line in chart.lines if line.key == key]
    return any(line.markers for line in lines)


def _longest_s(runs: Sequence[Run]) -> float:
    """One unit of time for all of them."""
    now = timezone.now()
    return max(
        (((run.finished_at or now) - run.started_at).total_seconds() for run in runs if run.started_at), default=0.0
    )


def _smoothing(word: str) -> float:
    try:
        value = float(word) if word else DEFAULT_SMOOTHING
    except ValueError:
        return DEFAULT_SMOOTHING
    return value if 0 <= value <= MAX_WEIGHT else DEFAULT_SMOOTHING
