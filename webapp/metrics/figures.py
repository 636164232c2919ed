"""Charts as plotly figures: traces, axes, hover. Knows curves and charts; knows no request, no colours of a theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import plotly.graph_objects as go

from webapp.metrics.charts import Chart, Line
from webapp.metrics.series import Curve, Sample
from webapp.metrics.smoothing import smooth

XAxis = Literal["step", "time", "episodes"]
X_AXES: dict[str, str] = {"step": "training step", "time": "minutes since the start", "episodes": "episodes"}
EPISODES_KEY = "episodes"
RAW_OPACITY = 0.28
SMALL = {"font": {"size": 12}, "standoff": 4}
MAX_TABLE_ROWS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a person wants to see the curves."""

    x: XAxis = "step"
    smoothing: float = 0.0
    started: datetime | None = None
    """Where the time axis begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure with what cannot be seen in it: a table of the same numbers, and a note about sampling."""

    figure: dict[str, Any]
    table: list[dict[str, Any]]
    note: str
    empty: bool


def draw(chart: Chart, curves: Mapping[str, Curve], view: View) -> Drawn:
    """The chart of these curves; series that were never logged are left out."""
    figure = go.Figure()
    place = _x_of(curves.get(EPISODES_KEY), view)
    shown = [line for line in chart.lines if line.key in curves and curves[line.key].samples]
    for line in shown:
        _add(figure, chart, line, curves[line.key], view, place)
    axis = {"tickformat": ".2~%", "rangemode": "tozero"} if chart.percent else {"rangemode": "tozero"}
    figure.update_layout(
        margin={"l": 46, "r": 18, "t": 8, "b": 36},
        hovermode="x unified",
        showlegend=len(chart.lines) > 1,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": X_AXES[view.x], **SMALL}, "zeroline": False},
        # Wide numbers push the unit aside instead of lying on it.
        yaxis={"title": {"text": chart.unit, **SMALL}, "zeroline": False, "automargin": True, **axis},
        uirevision=f"{chart.name}:{view.x}",
    )
    described = figure.to_plotly_json()
    described["layout"].pop("template", None)
    widths = [curves[line.key].width for line in shown]
    note = f"each point is the mean of {max(widths)} steps" if widths and max(widths) > 1 else ""
    return Drawn(figure=described, table=_table(shown, curves), note=note, empty=not shown)


def _add(figure: go.Figure, chart: Chart, line: Line, curve: Curve, view: View, place: _Place) -> None:
    samples = curve.samples
    x = [place.of(sample) for sample in samples]
    raw = [sample.mean for sample in samples]
    hover = "%{y:.1%}" if chart.percent else "%{y:.4~g}"
    common: dict[str, Any] = {"x": x, "hovertemplate": hover}
    if chart.stacked:
        figure.add_trace(go.Bar(name=line.name, y=raw, marker={"color": line.colour}, **common))
        figure.update_layout(barmode="stack", bargap=0.1)
        return
    stroke = {"color": line.colour, "width": 2, "dash": line.dash}
    if line.markers or view.smoothing <= 0 or len(samples) < 3:
        mode = "lines+markers" if line.markers or len(samples) < 3 else "lines"
        marker = {"size": 7, "color": line.colour}
        figure.add_trace(go.Scatter(name=line.name, y=raw, mode=mode, line=stroke, marker=marker, **common))
        return
    smoothed = smooth([float(sample.step) for sample in samples], raw, view.smoothing)
    thin = {**stroke, "width": 1}
    figure.add_trace(
        go.Scatter(
            name=f"{line.name}, raw", y=raw, mode="lines", line=thin, opacity=RAW_OPACITY, showlegend=False,
            hoverinfo="skip", x=x,
        )
    )  # fmt: skip
    figure.add_trace(go.Scatter(name=line.name, y=smoothed, mode="lines", line=stroke, **common))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a sample stands on the x axis."""

    view: View
    steps: Sequence[int]
    episodes: Sequence[float]

    def of(self, sample: Sample) -> float:
        if self.view.x == "time" and self.view.started is not None:
            return round((sample.at - self.view.started).total_seconds() / 60, 3)
        if self.view.x == "episodes" and self.steps:
            return self._episodes_at(sample.step)
        return sample.step

    def _episodes_at(self, step: int) -> float:
        known = 0.0
        for at, count in zip(self.steps, self.episodes, strict=True):
            if at > step:
                break
            known = count
        return known


def _x_of(episodes: Curve | None, view: View) -> _Place:
    if episodes is None or view.x != "episodes":
        return _Place(view, (), ())
    known = [(sample.step, sample.last) for sample in episodes.samples if sample.last is not None]
    return _Place(view, [step for step, _ in known], [count for _, count in known])


def _table(lines: Sequence[Line], curves: Mapping[str, Curve]) -> list[dict[str, Any]]:
    """The same numbers for people who do not see the chart: each series at a dozen places."""
    rows = []
    for line in lines:
        samples = [sample for sample in curves[line.key].samples if sample.mean is not None]
        stride = max(1, -(-len(samples) // MAX_TABLE_ROWS))
        chosen = samples[::stride]
        if samples and chosen[-1] is not samples[-1]:
            chosen.append(samples[-1])
        rows.append({"name": line.name, "points": [[sample.step, sample.mean] for sample in chosen]})
    return rows
