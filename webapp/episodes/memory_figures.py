"""Replay over time as plotly figures: stock, coming and going, hit rate, ages. Knows a history; no request, no rows.

Long runs are drawn in at most a few hundred columns; what falls into one is added up (or, of a stock, its last value).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

import plotly.graph_objects as go

from webapp.episodes.memory import History
from webapp.figure_text import as_label
from webapp.runs.rates import Rate

COLUMNS = 300
MOST_TASKS = 5
"""Tasks with a colour of their own; the others are one grey area."""
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)
GREY = "#8a94a3"
STEPS = "training step"
SMALL = {"font": {"size": 12}, "standoff": 4}
TABLE_ROWS = 12
MOST_BINS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryChart:
    """One figure of the inspector."""

    title: str
    story: str
    traces: Callable[[History, Grid], list[go.Scatter | go.Bar]]
    unit: str
    x: str = STEPS
    percent: bool = False
    broad: bool = False
    """It takes the whole width of the page."""
    of_groups: bool = False
    """It needs to know which groups failed as a whole, which takes a while to find out."""
    nothing: str = "Nothing was remembered yet."


@dataclass(frozen=True, slots=True)
class Grid:
    """The columns of the time axis: each stands for `width` steps and is named by its last one."""

    first: int
    width: int
    steps: tuple[int, ...]

    def place(self, step: int) -> int:
        """The column of a step."""
        return min(max(0, (step - self.first) // self.width), len(self.steps) - 1)

    def sums(self, counts: Iterable[tuple[int, int]]) -> list[int]:
        """Counts by step, added up by column."""
        found = [0] * len(self.steps)
        for step, number in counts:
            found[self.place(step)] += number
        return found


def grid_of(history: History) -> Grid:
    """Columns for all steps between which anything happened."""
    width = max(1, -(-(history.last - history.first + 1) // COLUMNS))
    ends = range(history.first + width - 1, history.last + width, width)
    return Grid(history.first, width, tuple(min(end, history.last) for end in ends))


def draw(chart: MemoryChart, history: History) -> dict[str, Any]:
    """The figure with a table of the same numbers and a note, as the page's charts read it."""
    grid = grid_of(history)
    traces = [trace for trace in chart.traces(history, grid) if len(trace.y or ())]
    figure = go.Figure(data=traces)
    axis = {"tickformat": ".2~%", "range": [0, 1.02]} if chart.percent else {"rangemode": "tozero"}
    figure.update_layout(
        margin={"l": 46, "r": 18, "t": 8, "b": 36},
        hovermode="x unified",
        barmode="relative",  # evicted ones go down from zero, what is counted twice stands on each other
        bargap=0.1,
        showlegend=len(traces) > 1,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": chart.x, **SMALL}, "zeroline": False},
        yaxis={"title": {"text": chart.unit, **SMALL}, "automargin": True, **axis},
        uirevision=chart.title,
    )
    described = figure.to_plotly_json()
    described["layout"].pop("template", None)
    note = f"each column is {grid.width} steps" if grid.width > 1 and chart.x == STEPS else ""
    return {
        "figure": described,
        "table": [_table(one) for one in traces],
        "note": note,
        "empty": not traces,
        "why": chart.nothing,
        "try_x": None,
        "marks": [],
        "step_word": "step" if chart.x == STEPS else chart.x,
    }


def _stock(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
    sizes: Counter[str] = Counter(stay.task_id for stay in history.stays)
    named = [task for task, _ in sizes.most_common(MOST_TASKS)]
    rows = {task: _alive(history, grid, {task}) for task in named}
    rest = set(sizes) - set(named)
    if rest:
        rows[f"{len(rest)} other tasks"] = _alive(history, grid, rest)
    colours = [*COLOURS[: len(named)], GREY]
    return [
        go.Scatter(
            name=as_label(name), x=grid.steps, y=values, mode="lines", stackgroup="stock",
            line={"width": 1, "color": colour}, hovertemplate="%{y}",
        )
        for (name, values), colour in zip(rows.items(), colours, strict=False)
    ]  # fmt: skip


def _alive(history: History, grid: Grid, tasks: set[str]) -> list[int]:
    """How many successes of these tasks are remembered at the end of each column."""
    changes = [0] * (len(grid.steps) + 1)
    for stay in history.stays:
        if stay.task_id in tasks:
            changes[grid.place(stay.admitted)] += 1
            if stay.evicted is not None:
                changes[grid.place(stay.evicted)] -= 1
    alive, now = [], 0
    for change in changes[:-1]:
        now += change
        alive.append(now)
    return alive


def _traffic(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
    admitted = grid.sums((stay.admitted, 1) for stay in history.stays)
    evicted = grid.sums((stay.evicted, -1) for stay in history.stays if stay.evicted is not None)
    returned = grid.sums((one.step, 1) for one in history.returns)
    if not history.stays and not history.returns:
        return []
    some = [(step, number) for step, number in zip(grid.steps, returned, strict=True) if number]
    return [
        go.Bar(name="admitted", x=grid.steps, y=admitted, marker={"color": GREEN}, hovertemplate="%{y}"),
        go.Bar(name="evicted", x=grid.steps, y=evicted, marker={"color": GREY}, hovertemplate="%{y}"),
        go.Scatter(
            name="given back", x=[step for step, _ in some], y=[number for _, number in some],
            mode="markers", marker={"size": 8, "symbol": "diamond", "color": VERMILLION}, hovertemplate="%{y}",
        ),
    ]  # fmt: skip


def _hit_rate(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
    """Of the groups that failed as a whole, how many got a success back: in each column, and so far."""
    hopeless, rescued = grid.sums(history.hopeless.items()), grid.sums(history.rescued.items())
    x, y, words, so_far, so_far_words = [], [], [], [], []
    hits = chances = 0
    for step, hit, chance in zip(grid.steps, rescued, hopeless, strict=True):
        if not chance:
            continue
        hits, chances = hits + hit, chances + chance
        here, until = Rate(successes=hit, attempts=chance), Rate(successes=hits, attempts=chances)
        x.append(step)
        y.append(here.share)
        words.append(here.text)
        so_far.append(until.share)
        so_far_words.append(f"{until.text}, 95 % interval {until.interval_text}")
    if not x:
        return []
    each = "in each step" if grid.width == 1 else "in each column"
    return [
        go.Scatter(
            name=each, x=x, y=y, text=words, mode="markers", marker={"size": 6, "color": SKY},
            hovertemplate="%{text}",
        ),
        go.Scatter(
            name="so far", x=x, y=so_far, text=so_far_words, mode="lines", line={"color": BLUE, "width": 2},
            hovertemplate="%{text}",
        ),
    ]  # fmt: skip


def _ages(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
    returned = [one.age for one in history.returns]
    held = [history.last - stay.admitted for stay in history.stays if stay.evicted is None]
    return _histogram(("when given back", returned, VERMILLION), ("remembered now", held, BLUE))


def _staleness(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
    """How old what is remembered is, on average and at most, at the end of each column."""
    if not history.stays:
        return []
    coming = sorted((stay.admitted, -1 if stay.evicted is None else stay.evicted) for stay in history.stays)
    mean: list[float | None] = []
    oldest: list[float | None] = []
    held: list[tuple[int, int]] = []  # admitted, evicted: a heap, so that the oldest is on top
    place = 0
    for step in grid.steps:
        while place < len(coming) and coming[place][0] <= step:
            heapq.heappush(held, coming[place])
            place += 1
        held = [one for one in held if one[1] < 0 or one[1] > step]
        heapq.heapify(held)
        mean.append(sum(step - one[0] for one in held) / len(held) if held else None)
        oldest.append(step - held[0][0] if held else None)
    return [
        go.Scatter(name="mean", x=grid.steps, y=mean, mode="lines", line={"color": BLUE, "width": 2},
                   hovertemplate="%{y:.4~g}"),
        go.Scatter(name="oldest", x=grid.steps, y=oldest, mode="lines", line={"color": VERMILLION, "dash": "dot"},
                   hovertemplate="%{y:.4~g}"),
    ]  # fmt: skip


def _versions(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
    return _histogram(
        ("updates", [one.versions for one in history.returns if one.versions is not None], PURPLE),
    )


def _histogram(*rows: tuple[str, Sequence[int], str]) -> list[go.Scatter | go.Bar]:
    """Counts by bins of whole numbers, the same for all rows."""
    widest = max((max(values) for _, values, _ in rows if values), default=-1)
    width = max(1, -(-(widest + 1) // MOST_BINS))
    bins = range(0, widest + 1, width)
    names = [str(start) if width == 1 else f"{start} to {start + width - 1}" for start in bins]
    middles = [start + (width - 1) / 2 for start in bins]
    found: list[go.Scatter | go.Bar] = []
    for name, values, colour in rows:
        counts = Counter(value // width for value in values)
        if values:
            y = [counts[place] for place in range(len(bins))]
            found.append(
                go.Bar(
                    name=name, x=middles, y=y, marker={"color": colour}, width=0.9 * width, hovertext=names,
                    hovertemplate="%{hovertext}: %{y}",
                )
            )  # fmt: skip
    return found


def _table(trace: go.Scatter | go.Bar) -> dict[str, Any]:
    """The same numbers for people who do not see the chart, at a dozen places."""
    points = [[x, y] for x, y in zip(trace.x or (), trace.y or (), strict=True) if y is not None]
    stride = max(1, -(-len(points) // TABLE_ROWS))
    chosen = points[::stride]
    if points and chosen[-1] is not points[-1]:
        chosen.append(points[-1])
    return {"name": unescape(trace.name), "points": chosen, "odd": []}


MEMORY_CHARTS: dict[str, MemoryChart] = {
    "stock": MemoryChart(
        title="Stock per task", unit="successes", traces=_stock, broad=True,
        story="How many successes replay remembers of each task. A task that fills up is solved often; one that never "
        "appears was never solved.",
    ),
    "traffic": MemoryChart(
        title="Admissions, evictions, injections", unit="successes", traces=_traffic,
        story="What came in, what newer successes pushed out, and what was given back to a group that had failed.",
    ),
    "hits": MemoryChart(
        title="Hit rate", unit="", traces=_hit_rate, percent=True, of_groups=True,
        story="Of the groups in which every try had failed, how many replay could give a success back. The others "
        "belong to tasks of which nothing is remembered.",
        nothing="No group has failed as a whole yet, so there was nothing to rescue.",
    ),
    "ages": MemoryChart(
        title="Age", unit="successes", x="age (training steps)", traces=_ages,
        story="How old successes were when they were given back, and how old those are that are remembered now.",
    ),
    "staleness": MemoryChart(
        title="Staleness of the stock", unit="training steps", traces=_staleness,
        story="Age of what is remembered at each step. A mean that keeps growing says that tasks are not solved any "
        "more.",
    ),
    "versions": MemoryChart(
        title="Updates since it was sampled", unit="injections", x="updates of the weights", traces=_versions,
        story="How many updates the policy had made since an injected success was sampled: the further, the more the "
        "importance ratio has to bridge.",
        nothing="No success was given back yet.",
    ),
}  # fmt: skip
