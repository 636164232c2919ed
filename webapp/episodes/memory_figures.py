"""The charts of the replay inspector: which there are, what each tells, and how it is laid out. Knows a history and its
traces; knows no request and no rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from typing import Any, Final

import plotly.graph_objects as go

from webapp.drawn import Drawn
from webapp.episodes.memory import History
from webapp.episodes.memory_traces import Grid, ages, grid_of, hit_rate, staleness, stock, traffic, versions
from webapp.figure_style import LEGEND, SMALL, thinned

STEPS: Final = "training step"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryChart:
    """One figure of the inspector."""

    title: str
    story: str
    traces: Callable[[History, Grid], list[go.Scatter | go.Bar]]
    unit: str
    x: str = STEPS
    percent: bool = False
    broad: bool = False
    """It takes the whole width of the page."""
    of_groups: bool = False
    """It needs to know which groups failed as a whole, which takes a while to find out."""
    nothing: str = "Nothing was remembered yet."


def draw(chart: MemoryChart, history: History) -> Drawn:
    """The figure of one chart with a table of the same numbers and a note."""
    grid = grid_of(history)
    traces = [trace for trace in chart.traces(history, grid) if len(trace.y or ())]
    figure = go.Figure(data=traces)
    axis = {"tickformat": ".2~%", "range": [0, 1.02]} if chart.percent else {"rangemode": "tozero"}
    figure.update_layout(
        margin={"l": 46, "r": 18, "t": 8, "b": 36},
        hovermode="x unified",
        barmode="relative",  # evicted ones go down from zero, what is counted twice stands on each other
        bargap=0.1,
        showlegend=len(traces) > 1,
        legend=LEGEND,
        xaxis={"title": {"text": chart.x, **SMALL}, "zeroline": False},
        yaxis={"title": {"text": chart.unit, **SMALL}, "automargin": True, **axis},
        uirevision=chart.title,
    )
    described = figure.to_plotly_json()
    described["layout"].pop("template", None)
    return Drawn(
        figure=described,
        table=[_table(one) for one in traces],
        notes=[f"each column is {grid.width} steps"] if grid.width > 1 and chart.x == STEPS else (),
        why="" if traces else chart.nothing,
        step_word="step" if chart.x == STEPS else chart.x,
    )


def _table(trace: go.Scatter | go.Bar) -> dict[str, Any]:
    """The same numbers for people who do not see the chart, at a dozen places."""
    points = [(x, y) for x, y in zip(trace.x or (), trace.y or (), strict=True) if y is not None]
    return {"name": unescape(trace.name), "points": thinned(points), "odd": []}


MEMORY_CHARTS: dict[str, MemoryChart] = {
    "stock": MemoryChart(
        title="Stock per task", unit="successes", traces=stock, broad=True,
        story="How many successes replay remembers of each task. A task that fills up is solved often; one that never "
        "appears was never solved.",
    ),
    "traffic": MemoryChart(
        title="Admissions, evictions, injections", unit="successes", traces=traffic,
        story="What came in, what newer successes pushed out, and what was given back to a group that had failed.",
    ),
    "hits": MemoryChart(
        title="Hit rate", unit="", traces=hit_rate, percent=True, of_groups=True,
        story="Of the groups in which every try had failed, how many replay could give a success back. The others "
        "belong to tasks of which nothing is remembered.",
        nothing="No group has failed as a whole yet, so there was nothing to rescue.",
    ),
    "ages": MemoryChart(
        title="Age", unit="successes", x="age (training steps)", traces=ages,
        story="How old successes were when they were given back, and how old those are that are remembered now.",
    ),
    "staleness": MemoryChart(
        title="Staleness of the stock", unit="training steps", traces=staleness,
        story="Age of what is remembered at each step. A mean that keeps growing says that tasks are not solved any "
        "more.",
    ),
    "versions": MemoryChart(
        title="Updates since it was sampled", unit="injections", x="updates of the weights", traces=versions,
        story="How many updates the policy had made since an injected success was sampled: the further, the more the "
        "importance ratio has to bridge.",
        nothing="No success was given back yet.",
    ),
}  # fmt: skip
