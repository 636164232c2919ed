"""What a run measured last, with intervals: from its events, scoped to the person. Knows no HTML and no engine."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from arpo_engine.contract.figures import Figures, Report
from webapp.accounts.permissions import Person
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run, RunEvent
from webapp.runs.timeline import SETS

MOST_LOOKED_AT = 20
"""Newest measurements among which the last one of each set of tasks is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    name: str
    figures: Figures
    apart: bool = False
    """Infeasible tasks, which are in no other line."""

    @property
    def more_tries(self) -> list[tuple[int, float]]:
        """pass@k for k above 1."""
        return [(k, share) for k, share in self.figures.pass_at.items() if k > 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One set of tasks at one step."""

    name: str
    step: int
    rows: tuple[Row, ...]
    domains: tuple[Row, ...]


def measurements_visible_to(person: Person, run: Run) -> list[Measurement]:
    """The newest measurement of each set of tasks; none from an engine that told no figures."""
    events = RunEvent.objects.filter(run__in=runs_visible_to(person), run=run, kind="ValidationFinished")
    newest: dict[str, Measurement] = {}
    for event in events.order_by("-cursor")[:MOST_LOOKED_AT]:
        measured = _measurement(event)
        if measured is not None:
            newest.setdefault(measured.name, measured)
    return sorted(newest.values(), key=lambda one: one.name, reverse=True)


def _measurement(event: RunEvent) -> Measurement | None:
    data = event.data
    try:
        report = Report.model_validate(data.get("figures"))
    except ValidationError:
        return None
    told = str(data.get("tasks") or data.get("split", ""))
    rows = [Row(name="All feasible tasks", figures=report.feasible)]
    if report.infeasible.attempts or report.infeasible.faults:
        rows.append(Row(name="Infeasible tasks", figures=report.infeasible, apart=True))
    domains = [Row(name=name, figures=figures) for name, figures in report.domains.items()]
    return Measurement(
        name=SETS.get(told, told),
        step=int(data.get("step", 0)),
        rows=tuple(rows),
        domains=tuple(domains) if len(domains) > 1 else (),
    )
