"""Imports of task sets, as far as a person may see them."""

from __future__ import annotations

from django.db.models import QuerySet

from arpo_engine.contract.osworld import OsworldReport
from webapp.accounts.models import Team
from webapp.accounts.permissions import Person, can_view
from webapp.benchmarks.models import TaskSetImport

SHOWN = 50


def imports_visible_to(person: Person, team: Team) -> QuerySet[TaskSetImport]:
    """The newest imports of a team, without their reports."""
    found = TaskSetImport.objects.filter(team=team) if can_view(person, team) else TaskSetImport.objects.none()
    return found.select_related("owner").defer("report")[:SHOWN]


def import_visible_to(person: Person, number: int) -> TaskSetImport | None:
    """One import; None where there is none, or for a stranger."""
    found = TaskSetImport.objects.select_related("team", "owner").filter(pk=number).first()
    return found if found is not None and can_view(person, found.team) else None


def report_of(wanted: TaskSetImport) -> OsworldReport | None:
    """What the engine found; None while there is nothing."""
    return None if wanted.report is None else OsworldReport.model_validate(wanted.report)
