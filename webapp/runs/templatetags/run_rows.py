"""Rows and groups of the list of runs, heads of its columns, its menus. Asks the database nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp.counted import counted
from webapp.runs.history.fields import is_numeric, subject_of
from webapp.runs.history.groups import Band
from webapp.runs.history.pages import RunsPage
from webapp.runs.history.state import ViewState
from webapp.runs.models import Run
from webapp.runs.row_cells import DASH, Cell, cell_of
from webapp.runs.templatetags.console import icon, number

register = template.Library()

DRAWN: Final = ("step", "curve")
"""Numbers that are drawn as well, from the left."""


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
    cells = [cell_of(name, page) for name in columns]
    return SafeString("".join(_row(run, cells) for run in page.runs))


def _row(run: Run, cells: Iterable[Cell]) -> str:
    inside = "".join(cell(run) for cell in cells)
    return f'<tr class="linked" id="run-{run.pk}" data-status="{run.status}">{inside}</tr>\n'


@register.simple_tag
def band(of: Band, share: bool = False) -> str:
    """ "41.2 ± 3.1 % (5 runs)": a mean over runs with its standard deviation."""
    if of.mean is None:
        return DASH
    scale, unit = (100.0, " %") if share else (1.0, "")
    sd = "" if of.sd is None else f" ± {number(of.sd * scale)}"
    return f"{number(of.mean * scale)}{sd}{unit} ({counted(of.runs, 'run')})"


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
