"""What a figure shows besides its lines: shaded gaps, and marks of what happened. Knows places, marks and layouts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import plotly.graph_objects as go

from webapp.counted import counted
from webapp.figure_style import GREEN, ORANGE, PURPLE, SKY, VERMILLION
from webapp.metrics.axes import Ruler
from webapp.metrics.columns import Columns
from webapp.metrics.marks import Mark, MarkKind

GAP_FACTOR: Final = 6.0
"""A distance so many times the usual one is a gap."""
MOST_GAPS: Final = 50
SHADE: Final = "rgba(128,128,128,0.14)"
LOWEST_ROW: Final = 0.03
ROW: Final = 0.055
"""Heights of the marks in the plot, from below: each kind has a row, so that none hides another."""
SYMBOLS: Final[dict[MarkKind, tuple[str, str]]] = {
    "checkpoint": ("square", SKY),
    "evaluation": ("diamond", GREEN),
    "replay": ("circle", PURPLE),
    "restart": ("triangle-right", ORANGE),
    "alert": ("triangle-up", VERMILLION),
}
"""A shape and a colour for each kind; the shape alone tells them apart."""
STANDING: Final = ("restart", "alert")
"""Kinds that get a line through the whole chart."""
Span = tuple[float, float]


def holes(pieces: Sequence[Sequence[float]]) -> list[Span]:
    """Where nothing was logged for much longer than usual, within an attempt or between two."""
    places = [place for piece in pieces for place in piece]
    distances = sorted(later - earlier for earlier, later in pairwise(places) if later > earlier)
    if len(distances) < 3:
        return []
    usual = distances[len(distances) // 2]
    return [(earlier, later) for earlier, later in pairwise(places) if later - earlier > GAP_FACTOR * usual]


def shade(layout: dict[str, Any], gaps: Sequence[Span]) -> list[str]:
    """Shade each gap once; a note that there are some."""
    spans = sorted(set(gaps))[:MOST_GAPS]
    for begin, end in spans:
        layout["shapes"].append(
            {
                "type": "rect", "xref": "x", "yref": "paper", "x0": begin, "x1": end, "y0": 0, "y1": 1,
                "fillcolor": SHADE, "line": {"width": 0}, "layer": "below",
            }
        )  # fmt: skip
    return [f"{counted(len(spans), 'gap')} shaded"] if spans else []


def add_marks(
    traces: list[dict[str, Any]], layout: dict[str, Any], marks: Sequence[Mark], ruler: Ruler, columns: Columns
) -> None:
    """A row of marks at the foot of the plot, on an axis of its own; restarts and alerts get a line."""
    placed = [(mark, ruler.place(_step_of(mark, columns), mark.at)) for mark in marks]
    rows = [kind for kind in SYMBOLS if any(mark.kind == kind for mark in marks)]
    for row, kind in enumerate(rows):
        of_kind = [(mark, x) for mark, x in placed if mark.kind == kind]
        x = [place for _, place in of_kind]
        heights = [LOWEST_ROW + ROW * row] * len(x)
        traces.append({**_row_of_marks(kind), "x": x, "y": heights, "text": [mark.words for mark, _ in of_kind]})
        if kind in STANDING:
            layout["shapes"] += [_upright(place, SYMBOLS[kind][1]) for place in x[:MOST_GAPS]]
    if placed:
        layout["yaxis2"] = {"overlaying": "y", "range": [0, 1], "fixedrange": True, "visible": False}


@lru_cache(maxsize=len(SYMBOLS))
def _row_of_marks(kind: MarkKind) -> dict[str, Any]:
    """Described by plotly once: that takes longer than all else that a figure has."""
    symbol, colour = SYMBOLS[kind]
    marker = {"symbol": symbol, "size": 8, "color": colour, "line": {"width": 1, "color": "rgba(0,0,0,0.55)"}}
    trace = go.Scatter(name=kind, mode="markers", marker=marker, yaxis="y2", showlegend=False, hovertemplate="%{text}")
    described: dict[str, Any] = trace.to_plotly_json()
    return described


def _upright(place: float, colour: str) -> dict[str, Any]:
    return {
        "type": "line", "xref": "x", "yref": "paper", "x0": place, "x1": place, "y0": 0, "y1": 1,
        "line": {"width": 1, "dash": "dot", "color": colour}, "layer": "below",
    }  # fmt: skip


def _step_of(mark: Mark, columns: Columns) -> int:
    """The mark's own step, or the one that was reached when it happened."""
    if mark.step is not None:
        return mark.step
    place = bisect_right(columns.at, mark.at.astimezone(UTC).timestamp())
    return columns.step[max(0, place - 1)] if len(columns) else 0
