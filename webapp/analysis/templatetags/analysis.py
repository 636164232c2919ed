"""Cells of the matrix and numbers with their uncertainty, as HTML. A page has two thousand cells: each is a string."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from webapp.analysis.cells import Cell, Row
from webapp.analysis.estimates import Delta, Estimate
from webapp.analysis.matrix import Column
from webapp.analysis.strokes import Stroke
from webapp.runs.templatetags.console import number, percent, signed

register = template.Library()

SHADES = 10
"""Steps of the scale between never and always."""


@register.simple_tag
def matrix_cells(row: Row, columns: Sequence[Column], tries: str) -> SafeString:
    """One row's cells; each with a rate is a link to its episodes."""
    task = f"task_id={quote(row.task.task_id, safe='')}"
    pairs = zip(row.cells, columns, strict=True)
    return SafeString("".join(_cell(cell, column, task, tries) for cell, column in pairs))


@register.simple_tag
def matrix_sum(cell: Cell) -> SafeString:
    """A sum over tasks: the rate, how often, and the interval on hover."""
    if cell.rate is None:
        return SafeString('<td class="sum muted">–</td>')
    return format_html(
        '<td class="sum" title="{}"><b>{}</b><span class="muted">{}/{}</span></td>',
        words_of(cell), percent(cell.rate), cell.successes, cell.tries,
    )  # fmt: skip


def shade(rate: float) -> int:
    """The step of the scale; only 0 is never and only the last is always."""
    if rate in (0.0, 1.0):
        return int(rate) * SHADES
    return min(SHADES - 1, max(1, round(rate * SHADES)))


def words_of(cell: Cell) -> str:
    """A cell in a sentence, for those who hover or listen."""
    if cell.rate is None or cell.interval is None:
        said = "no scored try"
    else:
        low, high = cell.interval
        said = f"{percent(cell.rate)} ({cell.successes}/{cell.tries})"
        said += f", 95 % interval {100 * low:.1f} – {100 * high:.1f} %"
    if cell.faults:
        good = f", {cell.faults - cell.lost} made good by another try" if cell.faults > cell.lost else ""
        said += f"; {cell.faults} lost to infrastructure faults{good}"
    if cell.in_replay:
        said += f"; {cell.in_replay} in the replay buffer"
    return said


def _cell(cell: Cell | None, column: Column, task: str, tries: str) -> str:
    if cell is None:
        return '<td class="none"><span class="visually-hidden">not tried</span></td>'
    place = f"/runs/{column.run.pk}/episodes/?{task}"
    if tries != "all":
        place += f"&amp;split={tries}"
    if column.first is not None:
        place += f"&amp;step={column.first}"
        if column.last != column.first:
            place += f"&amp;until={column.last}"
    kind = f"s{shade(cell.rate)}" if cell.rate is not None else "unscored"
    hatched = " hatched" if cell.faults else ""
    dot = '<i class="held"></i>' if cell.in_replay else ""
    said = escape(words_of(cell))
    return (
        f'<td class="cell {kind}{hatched}"><a href="{place}" title="{said}" data-run="{column.run.pk}">'
        f"{cell.successes}/{cell.tries}{dot}</a></td>"
    )


@register.simple_tag
def stroke_sample(stroke: Stroke) -> SafeString:
    """How a run is drawn: its colour and its dashes, as a short line."""
    return format_html(
        '<svg class="stroke" aria-hidden="true" viewBox="0 0 24 8"><line x1="1" x2="23" y1="4" y2="4" stroke="{}"'
        ' stroke-width="3" stroke-dasharray="{}"/></svg>',
        stroke.colour, stroke.dasharray,
    )  # fmt: skip


@register.filter
def middle(text: str, longest: int = 28) -> str:
    """A long name without its middle: what differs between names is often at their end."""
    if len(text) <= longest:
        return text
    tail = longest // 2 - 1
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


@register.simple_tag
def estimate(one: Estimate | None, unit: str = "") -> SafeString:
    """A number with its interval below; a rate with its n/N."""
    if one is None:
        return SafeString('<span class="muted">–</span>')
    if one.tries is not None:
        main = f"{percent(one.value)} ({one.successes}/{one.tries})"
        ends = f"{100 * (one.low or 0.0):.1f} – {100 * (one.high or 0.0):.1f} %"
    else:
        main = f"{number(one.value)}{f' {unit}' if unit else ''}"
        ends = f"{short(one.low)} – {short(one.high)}" if one.low is not None else "no interval"
    return format_html('<span class="estimate"><b>{}</b><span class="muted small">{}</span></span>', main, ends)


@register.simple_tag
def delta_words(one: Delta | None, rate: bool = False) -> SafeString:
    """A difference with its sign and its interval; marked where the interval leaves out zero."""
    if one is None:
        return SafeString("")
    ends = ""
    if one.low is not None and one.high is not None:
        ends = f"{_points(one.low, rate)} … {_points(one.high, rate)}"
    unit = " points" if rate else ""
    mark = SafeString(' <span class="chip accent">clear</span>') if one.clear else ""
    return format_html(
        '<span class="delta"><span>{}{}{}</span><span class="muted small">{}</span></span>',
        _points(one.value, rate), unit, mark, ends,
    )  # fmt: skip


def _points(value: float, rate: bool) -> str:
    """A difference of rates in percentage points, any other as it is."""
    if rate:
        return signed(round(100 * value, 1))
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{short(abs(value))}"


def short(value: float | None) -> str:
    """Three significant digits: what is uncertain needs no more."""
    return number(None if value is None else float(f"{value:.3g}"))
