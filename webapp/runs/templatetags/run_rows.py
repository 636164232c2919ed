"""Cells of the list of runs, by the name of their column. Made in Python and not by a template each: a page of fifty
rows and a dozen columns is six hundred cells, and each template costs as much as the whole row here.

Everything that people or models wrote is escaped; asks the database nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from django import template
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from webapp.runs.history.fields import Field, Kind, Measure, Setting, is_numeric, subject_of
from webapp.runs.history.groups import Band
from webapp.runs.history.pages import RunsPage, Value
from webapp.runs.history.state import ViewState
from webapp.runs.models import Run, RunStatus
from webapp.runs.templatetags.console import OKABE_ITO, duration, icon, number, run_colour, running_time
from webapp.runs.templatetags.console import success as success_of

register = template.Library()

SPARK_POINTS: Final = 14
"""More numbers than that do not show in a curve of 72 pixels, and each is sent for every row."""
SPARK_WIDTH, SPARK_HEIGHT = 72, 20
LONGEST_TEXT: Final = 60
LONGEST_NOTE: Final = 200
SHORT_NAME: Final = 40
"""A name up to that length is never cut on a desk, so that it need not be told twice."""
DASH: Final = "–"
DRAWN: Final = ("step", "curve")
"""Numbers that are drawn as well, from the left."""

Cell = Callable[[Run], str]


@register.simple_tag
def state_address(state: ViewState, after: str = "", **changes: object) -> str:
    """The list's address with this state, or with a part of it changed; `after` is the place of a page."""
    address = state.address(**changes)
    return f"{address}&after={after}" if after else address


@register.simple_tag
def list_menu(which: str, word: str, symbol: str, state: ViewState) -> SafeString:
    """A menu above the list, filled when it is opened."""
    return format_html(
        '<details class="menu" hx-get="{}{}" hx-trigger="toggle once" hx-target="#menu-{}">'
        '<summary>{} {}</summary><div class="menu-list" id="menu-{}">…</div></details>',
        reverse("runs:menu", args=[which]), state.address(), which, icon(symbol), word, which,
    )  # fmt: skip


@register.simple_tag
def rows(page: RunsPage, columns: Iterable[str]) -> SafeString:
    """The rows of a page of the list, each `<tr>` with a cell for each column."""
    cells = [_cell_of(name, page) for name in columns]
    return SafeString("".join(_row(run, cells) for run in page.runs))


def _row(run: Run, cells: Iterable[Cell]) -> str:
    inside = "".join(cell(run) for cell in cells)
    return f'<tr class="linked" id="run-{run.pk}" data-status="{run.status}">{inside}</tr>\n'


def _cell_of(name: str, page: RunsPage) -> Cell:
    if name == "name":
        return lambda run: _name(run, starred=run.pk in page.starred)
    subject = subject_of(name)
    if isinstance(subject, Field):
        make = CELLS.get(name)
        return make or _plain(subject)
    return _value(subject, page.values)


def _name(run: Run, *, starred: bool) -> str:
    """The link to the run, with the box that selects it before and what it is marked with behind."""
    name = escape(run.name)
    title = f' title="{name}"' if len(run.name) > SHORT_NAME else ""
    star = '<b class="star" title="Starred">★</b>' if starred else ""
    return (
        f'<th scope="row"><input type="checkbox" name="run" value="{run.pk}" aria-label="Select">'
        f'<i class="{run_shade(run.pk)}"></i>'
        f'<a class="row-link" href="{_address("runs:detail")}{run.pk}/"{title}>{name}</a>{star}{_marks(run)}</th>'
    )


def _marks(run: Run) -> str:
    """Chips behind the name: what sort of run it is, its tags, and whether there is a note."""
    note = escape(run.note if len(run.note) <= LONGEST_NOTE else f"{run.note[:LONGEST_NOTE]}…")
    return "".join(
        [
            '<b class="chip odd">example</b>' if run.is_example else "",
            '<b class="chip accent">evaluation</b>' if run.kind == "evaluate" else "",
            '<b class="chip accent">try-out</b>' if run.kind == "try" else "",
            *(f'<b class="chip">{escape(tag)}</b>' for tag in run.tags),
            f'<b class="chip" title="{note}">note</b>' if note else "",
        ]
    )


def _status(run: Run) -> str:
    """A shape, the word and a colour; the reason beside it, unless it says no more than the steps do."""
    title = "" if run.status == RunStatus.FINISHED else f' title="{escape(run.status_reason[:LONGEST_NOTE])}"'
    return f'<td class="status status-{run.status}"{title}>{icon(run.status)} <span>{run.status}</span></td>'


def _step(run: Run) -> str:
    if not run.total_steps or run.has_ended:
        planned = f" / {run.total_steps}" if run.total_steps else ""
        return f'<td data-label="step">{run.step}{planned}</td>'
    return (
        f'<td class="cell-progress" data-label="step">{run.step} / {run.total_steps}'
        f'<progress max="{run.total_steps}" value="{run.step}" aria-label="Steps"></progress></td>'
    )


def _curve(run: Run) -> str:
    return f'<td class="off-phone">{small_curve(run.sparkline)}</td>'


def small_curve(values: list[float | None]) -> str:
    """The sparkline with no more points than show: means of neighbours, from the first step to the last."""
    finite = [value for value in values if value is not None]
    if len(finite) < 2:
        return DASH
    each = -(-len(finite) // SPARK_POINTS)
    means = [sum(part) / len(part) for part in (finite[at : at + each] for at in range(0, len(finite), each))]
    wide, tall = SPARK_WIDTH / (len(means) - 1), SPARK_HEIGHT - 2
    points = " ".join(
        f"{place * wide:.0f},{1 + (1 - min(1.0, max(0.0, mean))) * tall:.0f}" for place, mean in enumerate(means)
    )
    return (
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" role="img" '
        f'aria-label="{finite[0]:.0%} to {finite[-1]:.0%}"><polyline points="{points}"/></svg>'
    )


def _success(run: Run) -> str:
    return f'<td class="num" data-label="success">{success_of(run.successes, run.attempts_count)}</td>'


def _held_out(run: Run) -> str:
    return f'<td class="num" data-label="held-out">{success_of(run.held_out_successes, run.held_out_attempts)}</td>'


def _ran(run: Run) -> str:
    if run.started_at is not None and run.finished_at is not None:
        return f'<td class="num" data-label="ran">{duration(run.finished_at - run.started_at)}</td>'
    return f'<td class="num" data-label="ran">{running_time(run.started_at, run.finished_at)}</td>'


def _parent(run: Run) -> str:
    if run.parent_id is None:
        return f'<td class="off-phone muted">{DASH}</td>'
    return f'<td class="off-phone"><a href="{_address("runs:detail")}{run.parent_id}/">{run.parent_id}</a></td>'


def _tags(run: Run) -> str:
    return f'<td class="off-phone">{escape(", ".join(run.tags)) or DASH}</td>'


def _moment(moment: datetime | None) -> str:
    """A time that the page keeps up to date, to the second."""
    if moment is None:
        return f'<td class="num">{DASH}</td>'
    utc = moment.astimezone(UTC)
    return f'<td class="num"><time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}" data-ago>{_ago(utc)}</time></td>'


def _ago(moment: datetime) -> str:
    """ "3 min ago" under a day, the date after: the words that the page's clock will put there."""
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    if seconds < 60:
        return f"{seconds} s ago" if seconds >= 10 else "just now"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    return f"{seconds // 3600} h ago" if seconds < 86400 else f"{moment:%Y-%m-%d}"


def run_shade(run_id: str) -> str:
    """The class of the run's own colour: a colour in a row's own attribute would be sent for every row."""
    return f"shade-{OKABE_ITO.index(run_colour(run_id))}"


CELLS: Final[dict[str, Cell]] = {
    "status": _status,
    "owner": lambda run: f'<td data-label="by">{escape(run.owner)}</td>',
    "tag": _tags,
    "step": _step,
    "success": _success,
    "held_out": _held_out,
    "curve": _curve,
    "ran": _ran,
    "parent": _parent,
    "id": lambda run: f'<td class="off-phone"><code>{run.pk}</code></td>',
}
"""Columns whose cells are more than a number or words."""


def _plain(field: Field) -> Cell:
    if field.kind is Kind.TIME:
        return lambda run: _moment(getattr(run, field.path))
    if field.kind is Kind.NUMBER:
        return lambda run: f'<td class="num off-phone">{getattr(run, field.path)}</td>'
    return lambda run: f'<td class="off-phone muted">{_cut(str(getattr(run, field.path) or DASH))}</td>'


def _value(subject: Setting | Measure, values: Mapping[str, Mapping[str, Value]]) -> Cell:
    name = subject.name

    def cell(run: Run) -> str:
        value = values[run.pk].get(name)
        if isinstance(value, str):
            return f'<td class="off-phone{" num" if is_number(value) else ""}">{_cut(value)}</td>'
        return f'<td class="num off-phone">{number(value)}</td>'

    return cell


def is_number(text: str) -> bool:
    """Whether a setting's words are a number, which stands right."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cut(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return escape(text)
    half = LONGEST_TEXT // 2 - 1
    return f'<span title="{escape(text)}">{escape(text[:half])}…{escape(text[-half:])}</span>'


@lru_cache(maxsize=4)
def _address(of: str) -> str:
    """Where the pages of runs begin; to ask the address book for each of fifty rows takes longer than the rows."""
    return reverse(of, args=["0"]).removesuffix("0/")


@register.simple_tag
def band(of: Band, share: bool = False) -> str:
    """ "41.2 ± 3.1 % (5 runs)": a mean over runs with its standard deviation."""
    if of.mean is None:
        return DASH
    scale, unit = (100.0, " %") if share else (1.0, "")
    sd = "" if of.sd is None else f" ± {number(of.sd * scale)}"
    return f"{number(of.mean * scale)}{sd}{unit} ({of.runs} run{'' if of.runs == 1 else 's'})"


@register.simple_tag
def band_bar(of: Band) -> SafeString:
    """A mean and its band on a line from 0 to 1."""
    if of.mean is None:
        return SafeString(f'<span class="muted">{DASH}</span>')
    sd = of.sd or 0.0
    low, high = max(0.0, of.mean - sd), min(1.0, of.mean + sd)
    return format_html(
        '<svg class="band" viewBox="0 0 100 12" aria-hidden="true" preserveAspectRatio="none"><path d="M0 6H100"/>'
        '<rect x="{}" y="3" width="{}" height="6"/><circle cx="{}" cy="6" r="3"/></svg>',
        f"{low * 100:.1f}", f"{max(0.5, (high - low) * 100):.1f}", f"{of.mean * 100:.1f}",
    )  # fmt: skip


@register.simple_tag
def heading(name: str) -> str:
    """A column's head."""
    return subject_of(name).heading


@register.filter
def stands_right(name: str) -> bool:
    """Whether a column is of numbers."""
    return name not in DRAWN and is_numeric(subject_of(name))
