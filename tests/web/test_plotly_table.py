"""Plotly's table of properties, kept packed: it answers as plotly's own, and figures come out the same."""

from __future__ import annotations

import json
import subprocess
import sys

import plotly.graph_objects as go
from plotly.validator_cache import ValidatorCache

from webapp.plotly_table import TABLE, PackedTable

DRAWN = """
import sys
from webapp.plotly_table import keep_packed
if sys.argv[1] == "packed":
    keep_packed()
import plotly.graph_objects as go
figure = go.Figure(go.Scatter(x=[1, 2], y=[3.0, 4.5], mode="lines+markers", line={"color": "#0072B2"}))
figure.update_layout(template="plotly_dark", hovermode="x unified", yaxis_range=[0, 5])
print(figure.to_json())
"""


def drawn(how: str) -> str:
    return subprocess.run([sys.executable, "-c", DRAWN, how], check=True, capture_output=True, text=True).stdout


def test_each_row_is_that_of_plotly() -> None:
    packed, rows = PackedTable(), json.loads(TABLE.read_text(encoding="utf-8"))
    assert len(rows) > 1000
    assert {name: packed.get(name) for name in rows} == rows


def test_a_property_that_plotly_has_not_is_not_there() -> None:
    assert PackedTable().get("scatter.colour_of_the_moon") is None


def test_a_figure_is_the_same_with_the_packed_table() -> None:
    assert drawn("packed") == drawn("plain")


def test_plotly_still_asks_the_place_where_the_table_is_put() -> None:
    go.Figure(go.Scatter(x=[1], y=[2]))
    assert ValidatorCache._json_cache is not None
