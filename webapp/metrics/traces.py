"""The traces of one series of a figure: band, raw line, line, and where there was no finite number.

What is drawn is described by plotly's own classes; the numbers are put in afterwards, because plotly would copy and
check each of them. Knows columns and places; knows no layout, no request.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import plotly.graph_objects as go

from webapp.figure_text import as_label
from webapp.metrics.axes import Ruler, View
from webapp.metrics.charts import Chart, Line
from webapp.metrics.columns import Columns, Curve, Number, finite_of, odd_words
from webapp.metrics.extras import holes
from webapp.metrics.smoothing import smooth

RAW_OPACITY: Final = 0.28
BAND_OPACITY: Final = 0.16
FEW: Final = 3
"""A line of fewer samples than this is drawn as dots too."""
Trace = dict[str, Any]


class LineTraces:
    """The traces of one series: cut into stretches, so that nothing is drawn where nothing was logged."""

    def __init__(self, chart: Chart, line: Line, curve: Curve, view: View, ruler: Ruler) -> None:
        self._chart, self._line, self._view = chart, line, view
        self._width = curve.width
        attempts = [segment.columns for segment in curve.segments if len(segment.columns)]
        whole = [ruler.places(part) for part in attempts]
        self.gaps = [] if line.markers or chart.stacked else holes(whole)
        self._smoothed = [self._smooth(part) for part in attempts]
        self._parts, self._pieces, self._smooth_pieces = [], [], []
        for part, places, smoothed in zip(attempts, whole, self._smoothed, strict=True):
            for first, end in _between(places, self.gaps):
                self._parts.append(part.cut(first, end))
                self._pieces.append(places[first:end])
                self._smooth_pieces.append(smoothed[first:end])
        self.values: list[Number] = [value for part in attempts for value in part.mean]
        self._x = _apart(self._pieces)
        # Where the axis shows something else, a point still knows its step: a click on it leads there.
        steps = view.x != "step" and chart.step_word == "step"
        self._steps = {"customdata": _apart([list(part.step) for part in self._parts])} if steps else {}

    def traces(self) -> list[Trace]:
        """From the back to the front: the band between least and greatest, the raw line, the line, the marks."""
        raw = _apart([part.mean for part in self._parts])
        if self._chart.stacked:
            return [{**_styled("bar", self._chart, self._line), "x": self._x, "y": raw, **self._steps}]
        traces = [*self._band()]
        smoothed = self._view.smoothing > 0 and not self._line.markers and len(self.values) >= FEW
        if smoothed:
            traces.append({**_styled("raw", self._chart, self._line), "x": self._x, "y": raw})
        lonely = self._line.markers or len(self.values) < FEW or any(len(part) == 1 for part in self._parts)
        y = _apart(self._smooth_pieces) if smoothed else raw
        part = _styled("dots" if lonely else "line", self._chart, self._line)
        traces.append({**part, "x": self._x, "y": y, **self._steps})
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
        for places, part in zip(self._pieces, self._parts, strict=True):
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
        for places, part in zip(self._pieces, self._parts, strict=True):
            for place, mean, gaps, odd in zip(places, part.mean, part.gaps, part.odd, strict=True):
                height = height if mean is None else mean
                if odd:
                    x.append(place)
                    y.append(height)
                    words.append(odd_words(odd) if gaps == 1 else f"{odd_words(odd)} ({gaps} values)")
        return [{**_styled("odd", self._chart, self._line), "x": x, "y": y, "text": words}] if x else []


@lru_cache(maxsize=512)
def _template(part: str, chart: Chart, line: Line) -> Trace:
    name = as_label(line.name)
    hover = "%{y:.1%}" if chart.percent else "%{y:.4~g}"
    stroke = {"color": line.colour, "width": 2, "dash": line.dash}
    quiet = {"showlegend": False, "hoverinfo": "skip", "mode": "lines", "legendgroup": name}
    common = {"name": name, "hovertemplate": hover, "legendgroup": name}
    if part == "bar":
        trace = go.Bar(marker={"color": line.colour}, **common)
    elif part == "band":
        fill = {"fill": "toself", "fillcolor": _see_through(line.colour), "line": {"width": 0}}
        trace = go.Scatter(name=f"{name}, least to greatest", **fill, **quiet)
    elif part == "raw":
        trace = go.Scatter(name=f"{name}, raw", line={**stroke, "width": 1}, opacity=RAW_OPACITY, **quiet)
    elif part == "odd":
        marker = {"symbol": "x", "size": 9, "color": line.colour, "line": {"width": 1, "color": "#000000"}}
        trace = go.Scatter(
            name=f"{name}, not finite", mode="markers", marker=marker, legendgroup=name, showlegend=False,
            hovertemplate="%{text}",
        )  # fmt: skip
    else:
        mode = "lines+markers" if part == "dots" else "lines"
        trace = go.Scatter(mode=mode, line=stroke, marker={"size": 7, "color": line.colour}, **common)
    described: Trace = trace.to_plotly_json()
    return described


def _styled(part: str, chart: Chart, line: Line) -> Trace:
    return dict(_template(part, chart, line))


def _apart(parts: Sequence[Sequence[Any]]) -> list[Any]:
    """One list with a hole between the attempts, so that no line joins what one process did not do."""
    joined: list[Any] = []
    for place, part in enumerate(parts):
        if place:
            joined.append(None)
        joined.extend(part)
    return joined


def _between(places: Sequence[float], gaps: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    """The stretches of one attempt that lie between the gaps: from, up to but without."""
    starts = {begin for begin, _ in gaps}
    cuts = [place + 1 for place, x in enumerate(places[:-1]) if x in starts]
    return list(pairwise([0, *cuts, len(places)]))


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
