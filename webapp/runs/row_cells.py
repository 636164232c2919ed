"""Cells of the list of runs, by the name of their column. Made in Python and not by a template each: a page of fifty
rows and a dozen columns is six hundred cells, and each template costs as much as the whole row here. Cells
are not closed, which HTML lets be: the next one does it, and fifty rows are a twentieth smaller.

Everything that people or models wrote is escaped; asks the database nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from html import escape
from itertools import pairwise
from typing import Final

from django.urls import reverse

from webapp.figure_style import OKABE_ITO, run_colour
from webapp.runs.history.fields import Field, Kind, Measure, Setting, subject_of
from webapp.runs.history.pages import RunsPage, Value
from webapp.runs.models import Run, RunStatus
from webapp.runs.rates import Rate
from webapp.runs.templatetags.console import duration, icon, number, running_time

SPARK_POINTS: Final = 14
"""More numbers than that do not show in a curve of 72 pixels, and each is sent for every row."""
SPARK_WIDTH, SPARK_HEIGHT = 72, 20
"""In pixels, as table.css has it: the curve needs no scale of its own."""
LONGEST_TEXT: Final = 60
LONGEST_NOTE: Final = 200
SHORT_NAME: Final = 40
"""A name up to that length is never cut on a desk, so that it need not be told twice."""
DASH: Final = "–"

Cell = Callable[[Run], str]


def cell_of(name: str, page: RunsPage) -> Cell:
    """How the cells of a column are made, with the values that are at hand for this page."""
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
        f'<a class="row-link" href="{_address("runs:detail")}{run.pk}/"{title}>{name}</a>{star}{_marks(run)}'
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
    return f'<td class="status status-{run.status}"{title}>{icon(run.status)} <span>{run.status}</span>'


def _step(run: Run) -> str:
    if not run.total_steps or run.has_ended:
        planned = f" / {run.total_steps}" if run.total_steps else ""
        return f'<td data-label="step">{run.step}{planned}'
    return (
        f'<td class="cell-progress" data-label="step">{run.step} / {run.total_steps}'
        f'<progress max="{run.total_steps}" value="{run.step}" aria-label="Steps"></progress>'
    )


def _curve(run: Run) -> str:
    return f'<td class="off-phone">{small_curve(run.sparkline)}'


def small_curve(values: list[float | None]) -> str:
    """The sparkline with no more points than show: means of neighbours, from the first step to the last."""
    finite = [value for value in values if value is not None]
    if len(finite) < 2:
        return DASH
    each = -(-len(finite) // SPARK_POINTS)
    means = [sum(part) / len(part) for part in (finite[at : at + each] for at in range(0, len(finite), each))]
    wide, tall = SPARK_WIDTH / (len(means) - 1), SPARK_HEIGHT - 2
    points = [
        (round(place * wide), 1 + round((1 - min(1.0, max(0.0, mean))) * tall)) for place, mean in enumerate(means)
    ]
    # Each point from the one before it: shorter than all of them from the corner.
    line = " ".join(f"{x - left}{y - above:+}" for (left, above), (x, y) in pairwise(points))
    ends = f"{finite[0]:.0%} to {finite[-1]:.0%}"
    return f'<svg class="spark" role="img" aria-label="{ends}"><path d="M0 {points[0][1]}l{line}"/></svg>'


def _success(run: Run) -> str:
    rate = Rate(successes=run.successes, attempts=run.attempts_count)
    return f'<td class="num" data-label="success">{rate.text}'


def _held_out(run: Run) -> str:
    rate = Rate(successes=run.held_out_successes, attempts=run.held_out_attempts)
    return f'<td class="num" data-label="held-out">{rate.text}'


def _ran(run: Run) -> str:
    if run.started_at is not None and run.finished_at is not None:
        return f'<td class="num" data-label="ran">{duration(run.finished_at - run.started_at)}'
    return f'<td class="num" data-label="ran">{running_time(run.started_at, run.finished_at)}'


def _parent(run: Run) -> str:
    if run.parent_id is None:
        return f'<td class="off-phone muted">{DASH}'
    return f'<td class="off-phone"><a href="{_address("runs:detail")}{run.parent_id}/">{run.parent_id}</a>'


def _tags(run: Run) -> str:
    return f'<td class="off-phone">{escape(", ".join(run.tags)) or DASH}'


def _moment(moment: datetime | None) -> str:
    """A time that the page keeps up to date, to the second."""
    if moment is None:
        return f'<td class="num">{DASH}'
    utc = moment.astimezone(UTC)
    return f'<td class="num"><time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}" data-ago>{_ago(utc)}</time>'


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
    "owner": lambda run: f'<td data-label="by">{escape(str(run.owner))}',
    "tag": _tags,
    "step": _step,
    "success": _success,
    "held_out": _held_out,
    "curve": _curve,
    "ran": _ran,
    "parent": _parent,
    "id": lambda run: f'<td class="off-phone"><code>{run.pk}</code>',
}
"""Columns whose cells are more than a number or words."""


def _plain(field: Field) -> Cell:
    if field.kind is Kind.TIME:
        return lambda run: _moment(getattr(run, field.path))
    if field.kind is Kind.NUMBER:
        return lambda run: f'<td class="num off-phone">{getattr(run, field.path)}'
    return lambda run: f'<td class="off-phone muted">{_cut(str(getattr(run, field.path) or DASH))}'


def _value(subject: Setting | Measure, values: Mapping[str, Mapping[str, Value]]) -> Cell:
    name = subject.name

    def cell(run: Run) -> str:
        value = values[run.pk].get(name)
        if isinstance(value, str):
            return f'<td class="off-phone{" num" if is_number(value) else ""}">{_cut(value)}'
        return f'<td class="num off-phone">{number(value)}'

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
