"""How figures look, so that all of them look alike: one palette, one title of an axis, one length of the table below.

Knows colours and numbers; knows no figure, no run and no theme.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

BLUE: Final = "#0072B2"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
YELLOW: Final = "#B8A800"
OKABE_ITO: Final = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, YELLOW)
"""Okabe and Ito's palette, which people who see colours differently tell apart; the yellow is darkened so that it shows
on white. The order is that of the runs' own colours and of `static/css/run_list.css`: whoever changes it repaints them.
"""
GREY: Final = "#8a94a3"
"""What has no colour of its own: the rest, or what is gone."""
SMALL: Final = {"font": {"size": 12}, "standoff": 4}
"""An axis title, for plotly."""
LEGEND: Final = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
"""Above the plot, for plotly."""
TABLE_ROWS: Final = 12


def thinned(points: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """About a dozen of a curve's points for the table below it, evenly spaced, the last one always among them."""
    stride = max(1, -(-len(points) // TABLE_ROWS))
    chosen = list(points[::stride])
    if points and (len(points) - 1) % stride:
        chosen.append(points[-1])
    return [list(point) for point in chosen]


def run_colour(run_id: str) -> str:
    """A run's own colour: worked out from its id alone, so that it is the same on every page and never changes."""
    return OKABE_ITO[sum(ord(letter) * (place + 1) for place, letter in enumerate(run_id)) % len(OKABE_ITO)]
