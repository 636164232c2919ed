"""A run's report of fidelity: its config and its events beside a published run. Scoped to the person; no engine.

The comparison is the contract's, so nothing here needs torch; the numbers were computed by the run's own engine.
"""

from __future__ import annotations

from django.db.models import Count, Sum
from pydantic import ValidationError

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.verl.published_run import NAMES, published_run
from arpo_engine.contract.events import NumericCheck
from arpo_engine.contract.fidelity.recorded import Seen, report_of_run
from arpo_engine.contract.fidelity.rows import FidelityReport
from webapp.accounts.permissions import Person
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run, RunEvent

PUBLISHED = NAMES


def fidelity_visible_to(person: Person, run: Run, against: str = "") -> FidelityReport | None:
    """The report, beside the published run of that name or the nearest one; None for a config of another version."""
    try:
        config = RunConfig.model_validate(run.config)
    except ValidationError:
        return None
    chosen = next((published_run(name) for name in PUBLISHED if name == against), None)
    return report_of_run(f"{run.name} ({run.pk})", config, _seen(person, run), chosen)


def _seen(person: Person, run: Run) -> Seen | None:
    """What the events told; None before the first one of an engine."""
    started = RunEvent.objects.filter(run__in=runs_visible_to(person), run=run, kind="RunStarted")
    event = started.order_by("-cursor").first()
    if event is None:
        return None
    counts = run.groups.aggregate(groups=Count("pk"), injected=Sum("injected"))
    provenance = event.data.get("provenance") or {}
    return Seen(
        task_set_hash=provenance.get("task_set_hash"),
        train_tasks=event.data.get("train_tasks"),
        groups=counts["groups"],
        injections=counts["injected"] or 0,
        checks=tuple(NumericCheck.model_validate(check) for check in event.data.get("checks") or ()),
    )
