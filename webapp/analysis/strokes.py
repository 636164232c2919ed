"""How runs are drawn beside each other: each has its own colour everywhere, and dashes where two share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from webapp.runs.templatetags.console import run_colour

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


def strokes_of(names: Sequence[str]) -> dict[str, Stroke]:
    """The stroke of each run (or group) of a comparison. Who comes first in order of names is solid, whatever the order
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
