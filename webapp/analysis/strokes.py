"""How runs are drawn beside each other: each has its own colour everywhere, and dashes where two share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from webapp.figure_style import OKABE_ITO, run_colour

Dash = Literal["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]
DASHES: Final[dict[Dash, str]] = {
    "solid": "",
    "dash": "6 3",
    "dot": "2 2",
    "dashdot": "6 2 2 2",
    "longdash": "9 3",
    "longdashdot": "9 2 2 2",
}
"""Plotly's name of each pattern, and the same pattern for SVG."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """A colour and a pattern."""

    colour: str
    dash: Dash = "solid"

    @property
    def dasharray(self) -> str:
        """The pattern as SVG writes it."""
        return DASHES[self.dash]


def strokes_of_groups(names: Sequence[str]) -> dict[str, Stroke]:
    """The stroke of each group of runs: a colour of its own as long as there are any, then dashes."""
    patterns = list(DASHES)
    return {
        name: Stroke(colour=OKABE_ITO[place % len(OKABE_ITO)], dash=patterns[place // len(OKABE_ITO) % len(patterns)])
        for place, name in enumerate(sorted(set(names)))
    }


def strokes_of(names: Sequence[str]) -> dict[str, Stroke]:
    """The stroke of each run of a comparison. Who comes first in order of names is solid, whatever the order
    of the address."""
    patterns = list(DASHES)
    used: dict[str, int] = {}
    strokes: dict[str, Stroke] = {}
    for name in sorted(names):
        colour = run_colour(name)
        place = used.get(colour, 0)
        used[colour] = place + 1
        strokes[name] = Stroke(colour=colour, dash=patterns[place % len(patterns)])
    return strokes
