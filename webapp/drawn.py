"""What the console answers when a page asks for a chart. Knows what `static/js/charts.js` reads; knows no plotly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure with what cannot be seen in it: a table of the same numbers, and notes about what was left out."""

    figure: dict[str, Any]
    """As plotly reads it: data and layout."""
    table: list[dict[str, Any]]
    """Of each series its name, its points as [x, y], and the odd ones among them (NaN, Inf) in words."""
    notes: Sequence[str] = ()
    why: str = ""
    """Why nothing is drawn; empty when something is."""
    try_x: str = ""
    """An x axis on which there is something to see, when there is nothing on this one."""
    marks: Sequence[dict[str, Any]] = ()
    """What happened, each with its kind, step and words."""
    step_word: str = "step"
    """What a place on the x axis is, one of them; the table's head."""

    @property
    def note(self) -> str:
        """All notes in one line."""
        return " · ".join(self.notes)

    def as_data(self) -> dict[str, Any]:
        """As the page's script reads it."""
        return {
            "figure": self.figure,
            "table": self.table,
            "note": self.note,
            "empty": bool(self.why),
            "why": self.why,
            "try_x": self.try_x,
            "marks": list(self.marks),
            "step_word": self.step_word,
        }
