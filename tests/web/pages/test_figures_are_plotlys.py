"""Figures are written as plain data; here plotly's own classes read every one, and refuse what plotly does not know."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import plotly.graph_objects as go
import pytest
from django.test import Client

from webapp.analysis.figures import NamedCounts, draw_history
from webapp.analysis.strokes import Stroke
from webapp.env import BASE_DIR
from webapp.episodes.memory_figures import MEMORY_CHARTS
from webapp.metrics.axes import View
from webapp.metrics.charts import CHARTS, Chart, Line
from webapp.metrics.columns import NAN, Columns, Curve, Segment
from webapp.metrics.figures import draw
from webapp.metrics.marks import Mark
from webapp.plotted import scatter
from webapp.runs.models import Run

AT = 1_760_000_000.0


def read_by_plotly(figure: dict[str, Any]) -> go.Figure:
    return go.Figure(figure)


@pytest.mark.django_db
def test_plotly_knows_all_that_the_charts_of_a_run_say(as_runner: Client, rich: Run) -> None:
    addresses = [f"/runs/{rich.pk}/figure.json?chart={name}" for name in CHARTS]
    addresses += [f"/runs/{rich.pk}/figure.json?chart={name}&x=wall&log=1&outliers=hide" for name in CHARTS]
    addresses += [f"/runs/{rich.pk}/replay/figure.json?chart={name}" for name in MEMORY_CHARTS]
    addresses += [f"/compare/figure.json?runs={rich.pk}&key=train/success&x={x}" for x in ("step", "wall")]
    drawn = 0
    for address in addresses:
        answer = as_runner.get(address)
        assert answer.status_code == 200, address
        drawn += len(read_by_plotly(answer.json()["figure"]).data)
    assert drawn > 10


@pytest.mark.parametrize("stacked", [False, True])
def test_plotly_knows_bands_gaps_marks_and_what_is_no_number(stacked: bool) -> None:
    steps = [*range(8, 200, 8), *range(2000, 2080, 8)]
    values = [None if step == 80 else step / 100 for step in steps]
    least = [None if value is None else value - 1 for value in values]
    most = [None if value is None else value + 1 for value in values]
    odd = [NAN if value is None else 0 for value in values]
    columns = Columns(
        step=steps, at=[AT + step for step in steps], mean=values, minimum=least, maximum=most, last=values,
        count=[8] * len(steps), gaps=[int(value is None) for value in values], odd=odd,
    )  # fmt: skip
    curve = Curve(key="k", segments=(Segment(attempt=1, first_step=8, columns=columns),), width=8)
    chart = Chart(
        name="c", title="C", story="", stacked=stacked, lines=(Line(key="k", name="k", colour="#0072B2", dash="dot"),)
    )
    marks = [
        Mark(kind=kind, step=80, at=datetime.fromtimestamp(AT, UTC), words="something")
        for kind in ("checkpoint", "evaluation", "replay", "restart", "alert")
    ]
    drawn = draw(chart, {"k": curve}, View(smoothing=0.5, range=(1.0, 3000.0)), marks)
    names = {trace.name for trace in read_by_plotly(drawn.figure).data}
    assert {"restart", "alert", "k"} <= names
    assert stacked or {"k, least to greatest", "k, raw", "k, not finite"} <= names


def test_plotly_knows_a_tasks_history() -> None:
    line = NamedCounts(name="one", stroke=Stroke(colour="#0072B2", dash="longdash"), counts=[(1, 1, 2), (2, 0, 3)])
    assert len(read_by_plotly(draw_history([line]).figure).data) == 1


def test_what_plotly_does_not_know_is_refused_here() -> None:
    with pytest.raises(ValueError, match="colour"):
        read_by_plotly({"data": [scatter(line={"colour": "red"})], "layout": {}})


def test_the_web_process_does_without_plotlys_classes() -> None:
    look = (
        "import sys, webapp.asgi; from django.urls import get_resolver; list(get_resolver().reverse_dict);"
        " print([name for name in ('plotly', 'numpy', 'pandas', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", look], cwd=BASE_DIR, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
