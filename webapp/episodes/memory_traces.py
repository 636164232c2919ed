"""What the replay inspector draws of a history: stock, coming and going, hit rate, ages. Knows a history and plotly's
traces; knows no layout, no request and no rows.

Long runs are drawn in at most a few hundred columns; what falls into one is added up (or, of a stock, its last value).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from webapp.counted import counted
from webapp.episodes.memory import History
from webapp.figure_style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from webapp.figure_text import as_label
from webapp.runs.rates import Rate

COLUMNS: Final = 300
MOST_BINS: Final = 30
TASK_COLOURS: Final = (BLUE, ORANGE, GREEN, PURPLE, SKY)
"""Of the tasks with most in stock; the others are one grey area. Vermillion is what was given back, in every figure."""


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


def stock(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
    """How many successes of which task are remembered, stacked."""
    sizes: Counter[str] = Counter(stay.task_id for stay in history.stays)
    named = [task for task, _ in sizes.most_common(len(TASK_COLOURS))]
    rows = {task: _alive(history, grid, {task}) for task in named}
    rest = set(sizes) - set(named)
    if rest:
        rows[counted(len(rest), "other task")] = _alive(history, grid, rest)
    colours = [*TASK_COLOURS[: len(named)], GREY]
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


def traffic(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
    """What came in, what was pushed out, and what was given back."""
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


def hit_rate(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
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


def ages(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
    """How old successes were when given back, and how old those are that are held at the end; in steps."""
    returned = [one.age for one in history.returns]
    held = [history.last - stay.admitted for stay in history.stays if stay.evicted is None]
    return _histogram(("when given back", returned, VERMILLION), ("remembered now", held, BLUE))


def staleness(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
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


def versions(history: History, grid: Grid) -> list[go.Scatter | go.Bar]:
    """Updates of the weights between sampling a success and giving it back."""
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
