"""Charts as plotly figures: traces, axes, hover. Knows curves, marks and charts; knows no request, no theme.

The page and the exports draw this same description with plotly-basic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go

from webapp.drawn import Drawn
from webapp.figure_style import LEGEND, SMALL, TABLE_ROWS, thinned
from webapp.metrics.axes import Ruler, View
from webapp.metrics.charts import Chart, Line
from webapp.metrics.columns import Curve, Number, odd_words
from webapp.metrics.extras import add_marks, shade
from webapp.metrics.marks import Mark
from webapp.metrics.traces import LineTraces, Trace
from webapp.metrics.yaxis import y_range


def draw(chart: Chart, curves: Mapping[str, Curve], view: View, marks: Sequence[Mark] = ()) -> Drawn:
    """The chart of these curves; series that were never logged are left out."""
    ruler = Ruler(view, curves)
    shown = [line for line in chart.lines if line.key in curves and len(curves[line.key])]
    layout = _layout(chart, view)
    if not shown:
        why = "Nothing was logged for this chart yet." if view.range is None else "Nothing was logged in this range."
        return Drawn(figure={"data": [], "layout": layout}, table=[], why=why)
    if not ruler.usable:
        why = f"This run has no counts of {view.title}, so nothing can stand on this axis."
        if view.x == "relative":
            why = "This run has not started, so it has no time since its start."
        return Drawn(figure={"data": [], "layout": layout}, table=[], why=why, try_x="step")
    traces: list[Trace] = []
    values: list[Number] = []
    gaps: list[tuple[float, float]] = []
    for line in shown:
        drawn = LineTraces(chart, line, curves[line.key], view, ruler)
        traces += drawn.traces()
        values += drawn.values
        gaps += drawn.gaps
    notes = _sampling(chart, shown, curves)
    notes += y_range(layout["yaxis"], values, view)
    notes += shade(layout, gaps)
    if view.marks:
        add_marks(traces, layout, marks, ruler, curves[shown[0].key].columns)
    return Drawn(figure={"data": traces, "layout": layout}, table=_table(shown, curves), notes=notes)


@lru_cache(maxsize=512)
def _template_layout(percent: bool, stacked: bool, unit: str, several: bool) -> dict[str, Any]:
    axis = {"tickformat": ".2~%"} if percent else {}
    layout = go.Layout(
        margin={"l": 46, "r": 18, "t": 8, "b": 42},
        hovermode="x unified",
        showlegend=several,
        legend=LEGEND,
        xaxis={"zeroline": False},
        # Wide numbers push the unit aside instead of lying on it.
        yaxis={"title": {"text": unit, **SMALL}, "zeroline": False, "automargin": True, "rangemode": "tozero", **axis},
        **({"barmode": "stack", "bargap": 0.1} if stacked else {}),
    )
    described: dict[str, Any] = layout.to_plotly_json()
    described.pop("template", None)
    return described


def _layout(chart: Chart, view: View) -> dict[str, Any]:
    kept = _template_layout(chart.percent, chart.stacked, chart.unit, len(chart.lines) > 1)
    x = {**kept["xaxis"], "title": {"text": view.title, **SMALL}}
    if view.x == "wall":
        x["type"] = "date"
    if view.range is not None:
        factor = 1000.0 if view.x == "wall" else 1.0
        x |= {"range": [end * factor for end in view.range], "autorange": False}
    y = {**kept["yaxis"], **({"type": "log"} if view.log else {})}
    return {**kept, "xaxis": x, "yaxis": y, "shapes": [], "uirevision": f"{chart.name}:{view.x}:{view.log}"}


def _sampling(chart: Chart, shown: Sequence[Line], curves: Mapping[str, Curve]) -> list[str]:
    """That points were joined, if any were."""
    joined = [curves[line.key] for line in shown if any(count > 1 for count in curves[line.key].columns.count)]
    widest = max((curve.width for curve in joined), default=1)
    return [f"1 point = {widest} {chart.step_word}s: mean, least to greatest behind"] if widest > 1 else []


def _table(lines: Sequence[Line], curves: Mapping[str, Curve]) -> list[dict[str, Any]]:
    """The same numbers for people who do not see the chart: each series at a dozen places."""
    rows = []
    for line in lines:
        columns = curves[line.key].columns
        pairs = [(step, mean) for step, mean in zip(columns.step, columns.mean, strict=True) if mean is not None]
        odd = [[step, odd_words(bits)] for step, bits in zip(columns.step, columns.odd, strict=True) if bits]
        rows.append({"name": line.name, "points": thinned(pairs), "odd": odd[:TABLE_ROWS]})
    return rows
