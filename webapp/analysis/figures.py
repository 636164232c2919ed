"""Figures of the analysis, as plotly describes them. Knows numbers and strokes; knows no request and no theme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from webapp.analysis.strokes import Stroke
from webapp.drawn import Drawn
from webapp.figure_style import SMALL, thinned
from webapp.figure_text import as_label


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCounts:
    """One run's tries of a task over its steps."""

    name: str
    stroke: Stroke
    counts: Sequence[tuple[int, int, int]]
    """(step, successes, tries)."""


def draw_history(lines: Sequence[NamedCounts]) -> Drawn:
    """The share of solved tries over the steps, a line for each run; the size of the counts is told on hover."""
    figure = go.Figure()
    shown = [line for line in lines if any(tries for _, _, tries in line.counts)]
    for line in shown:
        known = [(step, successes, tries) for step, successes, tries in line.counts if tries]
        figure.add_trace(
            go.Scatter(
                name=as_label(line.name),
                x=[step for step, _, _ in known],
                y=[successes / tries for _, successes, tries in known],
                customdata=[[successes, tries] for _, successes, tries in known],
                mode="lines+markers",
                line={"color": line.stroke.colour, "width": 2, "dash": line.stroke.dash},
                marker={"size": 6, "color": line.stroke.colour},
                hovertemplate="%{y:.1%} (%{customdata[0]}/%{customdata[1]})",
            )
        )
    described = described_as(figure, x_title="training step", percent=True, name="history")
    table = [
        {
            "name": line.name,
            "points": thinned([(step, good / tries) for step, good, tries in line.counts if tries]),
            "odd": [],
        }
        for line in shown
    ]
    return Drawn(figure=described, table=table, why="" if shown else "None of these runs has a scored try of it.")


def described_as(
    figure: go.Figure, *, x_title: str, percent: bool = False, unit: str = "", name: str = "", dates: bool = False
) -> dict[str, Any]:
    """The figure with the layout that all charts share."""
    scale = {"tickformat": ".2~%", "rangemode": "tozero"} if percent else {"rangemode": "tozero"}
    figure.update_layout(
        margin={"l": 46, "r": 18, "t": 8, "b": 36},
        hovermode="x unified",
        showlegend=False,
        xaxis={"title": {"text": x_title, **SMALL}, "zeroline": False, **({"type": "date"} if dates else {})},
        yaxis={"title": {"text": unit, **SMALL}, "zeroline": False, "automargin": True, **scale},
        uirevision=name,
    )
    described: dict[str, Any] = figure.to_plotly_json()
    described["layout"].pop("template", None)
    return described


def folded(counts: Sequence[tuple[int, int, int]], width: int) -> list[tuple[int, int, int]]:
    """Counts of neighbouring steps in one, by stretches of `width` steps; each stands at its last step."""
    sums: dict[int, tuple[int, int, int]] = {}
    for step, successes, tries in counts:
        _, good, all_tries = sums.get(step // width, (0, 0, 0))
        sums[step // width] = (step, good + successes, all_tries + tries)
    return list(sums.values())


def names_of(labels: Mapping[str, str]) -> dict[str, str]:
    """Names to show for ids: where two are equal, the id stands beside them."""
    taken = list(labels.values())
    return {key: label if taken.count(label) == 1 else f"{label} ({key})" for key, label in labels.items()}
