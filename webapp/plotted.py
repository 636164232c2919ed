"""Figures in plotly's own format: traces and what they consist of. Knows no chart and no numbers.

Written as plain data and not with plotly's classes, which know every property that there is: 28 MB of each process that
has made one trace, and most of the time that a figure takes. Tests hold all figures against those classes.
"""

from __future__ import annotations

from typing import Any

Trace = dict[str, Any]
"""One trace as plotly's script reads it."""


def scatter(**properties: Any) -> Trace:
    """Points, a line through them, or both."""
    return {"type": "scatter", **properties}


def bar(**properties: Any) -> Trace:
    """Bars."""
    return {"type": "bar", **properties}
