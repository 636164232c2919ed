"""Charts as plotly figures: traces, axes, hover. Knows curves, marks and charts; knows no request, no theme.

The page and the exports draw this same description with plotly-basic. What is drawn is described by plotly's own
classes; the numbers are put in afterwards, because plotly would copy and check each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import plotly.graph_objects as go

from webapp.metrics.axes import Ruler, View
from webapp.metrics.charts import Chart, Line
from webapp.metrics.columns import Columns, Curve, Number, finite_of, odd_words
from webapp.metrics.extras import add_marks, holes, shade
from webapp.metrics.marks import Mark
from webapp.metrics.smoothing import smooth
from webapp.metrics.yaxis import y_range

RAW_OPACITY: Final = 0.28
BAND_OPACITY: Final = 0.16
FEW: Final = 3
"""A line of fewer samples than this is drawn as dots too."""
SMALL: Final = {"font": {"size": 12}, "standoff": 4}
MAX_TABLE_ROWS: Final = 12
Trace = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure with what cannot be seen in it: a table of the same numbers, and notes about what was left out."""

    figure: dict[str, Any]
    table: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)
    empty: str = ""
    """Why nothing is drawn; empty when something is."""
    try_x: str = ""
    """An x axis on which there is something to see, when there is nothing on this one."""

    @property
    def note(self) -> str:
        """All notes in one line."""
        return " · ".join(self.notes)


def draw(chart: Chart, curves: Mapping[str, Curve], view: View, marks: Sequence[Mark] = ()) -> Drawn:
    """The chart of these curves; series that were never logged are left out."""
    ruler = Ruler(view, curves)
    shown = [line for line in chart.lines if line.key in curves and len(curves[line.key])]
    layout = _layout(chart, view)
    if not shown:
        why = "Nothing was logged for this chart yet." if view.range is None else "Nothing was logged in this range."
        return Drawn(figure={"data": [], "layout": layout}, table=[], empty=why)
    if not ruler.usable:
        why = f"This run has no counts of {view.title}, so nothing can stand on this axis."
        if view.x == "relative":
            why = "This run has not started, so it has no time since its start."
        return Drawn(figure={"data": [], "layout": layout}, table=[], empty=why, try_x="step")
    traces: list[Trace] = []
    values: list[Number] = []
    gaps: list[tuple[float, float]] = []
    for line in shown:
        drawn = _Line(chart, line, curves[line.key], view, ruler)
        traces += drawn.traces()
        values += drawn.values
        if not (line.markers or chart.stacked):
            gaps += holes(drawn.pieces)
    notes = _sampling(shown, curves)
    notes += y_range(layout["yaxis"], values, view)
    notes += shade(layout, gaps)
    if view.marks:
        add_marks(traces, layout, marks, ruler, curves[shown[0].key].columns)
    return Drawn(figure={"data": traces, "layout": layout}, table=_table(shown, curves), notes=notes)


class _Line:
    """The traces of one series."""

    def __init__(self, chart: Chart, line: Line, curve: Curve, view: View, ruler: Ruler) -> None:
        self._chart, self._line, self._view = chart, line, view
        self._width = curve.width
        parts = [segment.columns for segment in curve.segments if len(segment.columns)]
        self.pieces = [ruler.places(part) for part in parts]
        self._parts = parts
        self.values: list[Number] = [value for part in parts for value in part.mean]
        self._x = _apart(self.pieces)

    def traces(self) -> list[Trace]:
        """From the back to the front: the band between least and greatest, the raw line, the line, the marks."""
        raw = _apart([part.mean for part in self._parts])
        if self._chart.stacked:
            return [{**_styled("bar", self._chart, self._line), "x": self._x, "y": raw}]
        traces = [*self._band()]
        smoothed = self._view.smoothing > 0 and not self._line.markers and len(self.values) >= FEW
        if smoothed:
            traces.append({**_styled("raw", self._chart, self._line), "x": self._x, "y": raw})
        lonely = self._line.markers or any(len(part) < FEW for part in self._parts)
        y = _apart([self._smooth(part) for part in self._parts]) if smoothed else raw
        traces.append({**_styled("dots" if lonely else "line", self._chart, self._line), "x": self._x, "y": y})
        return traces + self._odd()

    def _smooth(self, part: Columns) -> list[Number]:
        """Each attempt by itself: what was smoothed before a restart says nothing about what came after it."""
        return smooth([float(step) for step in part.step], part.mean, self._view.smoothing)

    def _band(self) -> list[Trace]:
        """One polygon for each stretch without a hole, where samples stand for several steps."""
        if self._width == 1 or self._line.markers:
            return []
        x: list[float | None] = []
        y: list[Number] = []
        for places, part in zip(self.pieces, self._parts, strict=True):
            for first, end in _stretches(part.mean):
                low, high = list(part.minimum[first:end]), list(part.maximum[first:end])
                x += [*places[first:end], *reversed(places[first:end]), None]
                y += [*high, *reversed(low), None]
        return [{**_styled("band", self._chart, self._line), "x": x[:-1], "y": y[:-1]}] if x else []

    def _odd(self) -> list[Trace]:
        """Where there was no finite number: at the height of the last one that there was."""
        x: list[float] = []
        y: list[float] = []
        words: list[str] = []
        height = next(iter(finite_of(self.values)), 0.0)
        for places, part in zip(self.pieces, self._parts, strict=True):
            for place, mean, gaps, odd in zip(places, part.mean, part.gaps, part.odd, strict=True):
                height = height if mean is None else mean
                if odd:
                    x.append(place)
                    y.append(height)
                    words.append(odd_words(odd) if gaps == 1 else f"{odd_words(odd)} ({gaps} values)")
        return [{**_styled("odd", self._chart, self._line), "x": x, "y": y, "text": words}] if x else []


@lru_cache(maxsize=512)
def _template(part: str, chart: Chart, line: Line) -> Trace:
    hover = "%{y:.1%}" if chart.percent else "%{y:.4~g}"
    stroke = {"color": line.colour, "width": 2, "dash": line.dash}
    quiet = {"showlegend": False, "hoverinfo": "skip", "mode": "lines", "legendgroup": line.name}
    common = {"name": line.name, "hovertemplate": hover, "legendgroup": line.name}
    if part == "bar":
        trace = go.Bar(marker={"color": line.colour}, **common)
    elif part == "band":
        fill = {"fill": "toself", "fillcolor": _see_through(line.colour), "line": {"width": 0}}
        trace = go.Scatter(name=f"{line.name}, least to greatest", **fill, **quiet)
    elif part == "raw":
        trace = go.Scatter(name=f"{line.name}, raw", line={**stroke, "width": 1}, opacity=RAW_OPACITY, **quiet)
    elif part == "odd":
        marker = {"symbol": "x", "size": 9, "color": line.colour, "line": {"width": 1, "color": "#000000"}}
        trace = go.Scatter(
            name=f"{line.name}, not finite", mode="markers", marker=marker, legendgroup=line.name, showlegend=False,
            hovertemplate="%{text}",
        )  # fmt: skip
    else:
        mode = "lines+markers" if part == "dots" else "lines"
        trace = go.Scatter(mode=mode, line=stroke, marker={"size": 7, "color": line.colour}, **common)
    described: Trace = trace.to_plotly_json()
    return described


def _styled(part: str, chart: Chart, line: Line) -> Trace:
    return dict(_template(part, chart, line))


@lru_cache(maxsize=512)
def _template_layout(percent: bool, stacked: bool, unit: str, several: bool) -> dict[str, Any]:
    axis = {"tickformat": ".2~%"} if percent else {}
    layout = go.Layout(
        margin={"l": 46, "r": 18, "t": 8, "b": 36},
        hovermode="x unified",
        showlegend=several,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
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
    y = {**kept["yaxis"], **({"type": "log"} if view.log else {})}
    return {**kept, "xaxis": x, "yaxis": y, "shapes": [], "uirevision": f"{chart.name}:{view.x}:{view.log}"}


def _apart(parts: Sequence[Sequence[Any]]) -> list[Any]:
    """One list with a hole between the attempts, so that no line joins what one process did not do."""
    joined: list[Any] = []
    for place, part in enumerate(parts):
        if place:
            joined.append(None)
        joined.extend(part)
    return joined


def _stretches(values: Sequence[Number]) -> list[tuple[int, int]]:
    """Where finite values follow one another: from, up to but without."""
    found: list[tuple[int, int]] = []
    first: int | None = None
    for place, value in enumerate((*values, None)):
        if value is not None and first is None:
            first = place
        elif value is None and first is not None:
            found.append((first, place))
            first = None
    return found


def _see_through(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND_OPACITY})"


def _sampling(shown: Sequence[Line], curves: Mapping[str, Curve]) -> list[str]:
    widest = max(curves[line.key].width for line in shown)
    return [f"1 point = {widest} steps: mean, least to greatest behind"] if widest > 1 else []


def _table(lines: Sequence[Line], curves: Mapping[str, Curve]) -> list[dict[str, Any]]:
    """The same numbers for people who do not see the chart: each series at a dozen places."""
    rows = []
    for line in lines:
        columns = curves[line.key].columns
        pairs = [(step, mean) for step, mean in zip(columns.step, columns.mean, strict=True) if mean is not None]
        stride = max(1, -(-len(pairs) // MAX_TABLE_ROWS))
        chosen = pairs[::stride]
        if pairs and chosen[-1] != pairs[-1]:
            chosen.append(pairs[-1])
        odd = [[step, odd_words(bits)] for step, bits in zip(columns.step, columns.odd, strict=True) if bits]
        rows.append({"name": line.name, "points": [list(pair) for pair in chosen], "odd": odd[:MAX_TABLE_ROWS]})
    return rows
