"""Charts of several runs: a line for each, or a group's mean with its band. What is drawn is described by plotly's own
classes; the numbers are put in afterwards, because plotly would copy and check each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import plotly.graph_objects as go

from webapp.analysis.curves import Band, Placed, band_of
from webapp.analysis.figures import described_as
from webapp.analysis.strokes import Stroke
from webapp.counted import counted
from webapp.drawn import Drawn
from webapp.figure_style import LEGEND, thinned
from webapp.figure_text import as_label
from webapp.metrics.axes import View
from webapp.metrics.columns import Number

MOST_RAW: Final = 6
"""With more runs than this the raw lines behind the smoothed ones would hide everything."""
RAW_OPACITY: Final = 0.22
BAND_OPACITY: Final = 0.18
FEW: Final = 8
"""A line of fewer samples than this is drawn as dots too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run (or one member of a group) of a chart; `placed` is None where it has nothing to show."""

    name: str
    stroke: Stroke
    placed: Placed | None
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a chart is of."""

    title: str
    percent: bool = False
    unit: str = ""


def draw_runs(subject: Subject, lines: Sequence[RunLine], view: View) -> Drawn:
    """A line for each run."""
    shown = [(line, line.placed) for line in lines if line.placed is not None]
    smoothed = view.smoothing > 0 and len(shown) <= MOST_RAW
    traces: list[dict[str, Any]] = []
    for line, one in shown:
        if smoothed and one.raw != one.y:
            traces.append({**_styled("raw", line.name, line.stroke, subject.percent), "x": one.x, "y": one.raw})
        kind = "dots" if len(one.x) < FEW else "line"
        traces.append({**_styled(kind, line.name, line.stroke, subject.percent), "x": one.x, "y": one.y})
    table = [_row(line.name, one.x, one.y) for line, one in shown]
    notes = _notes([one for _, one in shown], len(lines) - len(shown), view)
    return _drawn(subject, traces, table, notes, view)


def draw_groups(subject: Subject, lines: Sequence[RunLine], view: View) -> Drawn:
    """The mean of each group, and a band of one standard deviation to either side."""
    members: dict[str, list[Placed]] = {}
    strokes: dict[str, Stroke] = {}
    for line in lines:
        if line.placed is not None:
            members.setdefault(line.group, []).append(line.placed)
            strokes[line.group] = line.stroke
    traces: list[dict[str, Any]] = []
    table = []
    for name, placed in members.items():
        band = band_of(placed)
        label = f"{name} ({counted(len(placed), 'run')})"
        if len(placed) > 1:
            traces.append({**_styled("band", label, strokes[name], subject.percent), **_outline(band)})
        told = [[spread, runs] for spread, runs in zip(band.spread, band.runs, strict=True)]
        mean = {"x": band.x, "y": band.mean, "customdata": told}
        traces.append({**_styled("mean", label, strokes[name], subject.percent), **mean})
        table.append(_row(label, band.x, band.mean))
    every = [one for placed in members.values() for one in placed]
    notes = ["mean ± 1 standard deviation over runs", *_notes(every, len(lines) - len(every), view)]
    drawn = _drawn(subject, traces, table, notes, view)
    # The chips of the page are those of runs, so groups name themselves.
    drawn.figure["layout"] |= {"showlegend": True, "legend": LEGEND}
    return drawn


def _drawn(
    subject: Subject, traces: list[dict[str, Any]], table: list[dict[str, Any]], notes: list[str], view: View
) -> Drawn:
    layout = _layout(subject, view.title, view.x == "wall")
    why = ""
    if not traces:
        why = "None of these runs logged this."
        if view.x != "step":
            why = f"None of these runs has this on the axis of {view.title}."
    return Drawn(
        figure={"data": traces, "layout": {**layout, "shapes": []}},
        table=table,
        notes=notes if traces else (),
        why=why,
        try_x="step" if why and view.x != "step" else "",
    )


@lru_cache(maxsize=512)
def _layout(subject: Subject, x_title: str, dates: bool) -> dict[str, Any]:
    name = f"{subject.title}:{x_title}"
    described = described_as(
        go.Figure(), x_title=x_title, percent=subject.percent, unit=subject.unit, name=name, dates=dates
    )
    layout: dict[str, Any] = described["layout"]
    return layout


@lru_cache(maxsize=1024)
def _template(part: str, name: str, stroke: Stroke, percent: bool) -> dict[str, Any]:
    value = "%{y:.1%}" if percent else "%{y:.4~g}"
    line = {"color": stroke.colour, "width": 2, "dash": stroke.dash}
    quiet = {"showlegend": False, "hoverinfo": "skip", "mode": "lines", "legendgroup": name}
    if part == "raw":
        trace = go.Scatter(name=f"{name}, raw", line={**line, "width": 1}, opacity=RAW_OPACITY, **quiet)
    elif part == "band":
        colour = _see_through(stroke.colour)
        trace = go.Scatter(name=f"{name}, spread", fill="toself", fillcolor=colour, line={"width": 0}, **quiet)
    else:
        hover = f"{value} ± %{{customdata[0]:.3~g}} (%{{customdata[1]}})" if part == "mean" else value
        mode = "lines+markers" if part == "dots" else "lines"
        marker = {"size": 6, "color": stroke.colour}
        trace = go.Scatter(name=name, mode=mode, line=line, marker=marker, hovertemplate=hover, legendgroup=name)
    described: dict[str, Any] = trace.to_plotly_json()
    return described


def _styled(part: str, name: str, stroke: Stroke, percent: bool) -> dict[str, Any]:
    return dict(_template(part, as_label(name), stroke, percent))


def _outline(band: Band) -> dict[str, list[float]]:
    """Along the upper edge and back along the lower one."""
    upper = [mean + spread for mean, spread in zip(band.mean, band.spread, strict=True)]
    lower = [mean - spread for mean, spread in zip(band.mean, band.spread, strict=True)]
    return {"x": [*band.x, *reversed(band.x)], "y": [*upper, *reversed(lower)]}


def _notes(shown: Sequence[Placed], missing: int, view: View) -> list[str]:
    notes = []
    widest = max((one.width for one in shown), default=1)
    if widest > 1:
        notes.append(f"1 point = up to {widest} steps")
    if missing:
        notes.append(f"{missing} without it")
    return notes


def _row(name: str, x: Sequence[float], y: Sequence[Number]) -> dict[str, Any]:
    points = [(at, value) for at, value in zip(x, y, strict=True) if value is not None]
    return {"name": name, "points": thinned(points), "odd": []}


def _see_through(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND_OPACITY})"
