"""Which desktops are there now, and which of them a person may see. The page, its socket and its buttons ask here."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Exists, Model, OuterRef, QuerySet

from webapp.accounts.permissions import Person
from webapp.fleet.models import Desktop, Machine, Order
from webapp.runs.access import runs_visible_to
from webapp.runs.models import RunAttempt

Row = TypeVar("Row", bound=Model)


def live_desktops() -> QuerySet[Desktop]:
    """Desktops of attempts whose process lives, as far as is known; those of a recorded example never do."""
    return _of_live_attempts(Desktop.objects.all())


def desktops_visible_to(person: Person) -> QuerySet[Desktop]:
    """Those of the person's teams."""
    return live_desktops().filter(run__in=runs_visible_to(person).filter(is_example=False))


def machines_visible_to(person: Person) -> QuerySet[Machine]:
    """Machines of the person's teams' live attempts."""
    return _of_live_attempts(Machine.objects.all()).filter(run__in=runs_visible_to(person).filter(is_example=False))


def waiting_orders() -> QuerySet[Order]:
    """Orders that an engine may still carry out: those of an attempt that has ended never will be."""
    return _of_live_attempts(Order.objects.filter(state=Order.State.WAITING))


def _of_live_attempts(rows: QuerySet[Row]) -> QuerySet[Row]:
    living = RunAttempt.objects.filter(
        run=OuterRef("run_id"),
        number=OuterRef("attempt"),
        state__in=(RunAttempt.State.STARTING, RunAttempt.State.RUNNING),
    )
    return rows.filter(Exists(living))
