"""Alerts begin and end here: once for each thing, into the run's own log as well, and onto every route of the team."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import Team
from webapp.alerts.kinds import KINDS
from webapp.alerts.models import Alert, Delivery, Mute, Route
from webapp.runs.journal import append_console_event
from webapp.runs.models import Run

RAISED = "AlertRaised"
ENDED = "AlertEnded"


@transaction.atomic
def raise_alert(*, team: Team, run: Run | None, kind: str, text: str) -> Alert | None:
    """Something lasts: open an alert, or leave the one that is open already; the new one, if it is new."""
    alert, created = Alert.objects.get_or_create(team=team, run=run, kind=kind, ended_at=None, defaults={"text": text})
    if not created:
        if alert.text != text:
            Alert.objects.filter(pk=alert.pk).update(text=text)
        return None
    _tell(alert)
    return alert


@transaction.atomic
def raise_news(*, team: Team, run: Run, kind: str, text: str, marker: str) -> Alert | None:
    """Something happened once; `marker` says which one it was, so that it is told once. The alert, if it is new."""
    defaults = {"text": text, "team": team, "ended_at": timezone.now()}
    alert, created = Alert.objects.get_or_create(run=run, kind=kind, marker=marker, defaults=defaults)
    if not created:
        return None
    _tell(alert)
    return alert


@transaction.atomic
def end_alert(*, team: Team, run: Run | None, kind: str) -> bool:
    """What lasted is over; whether anything was open."""
    alert = Alert.objects.select_for_update().filter(team=team, run=run, kind=kind, ended_at=None).first()
    if alert is None:
        return False
    alert.ended_at = timezone.now()
    alert.save(update_fields=["ended_at"])
    if run is not None:
        _note(run, ENDED, alert)
    return True


def _tell(alert: Alert) -> None:
    if alert.run is not None:
        _note(alert.run, RAISED, alert)
        if Mute.objects.filter(run=alert.run, until__gt=timezone.now()).exists():
            return
    routes = [route for route in Route.objects.filter(team=alert.team) if not route.kinds or alert.kind in route.kinds]
    Delivery.objects.bulk_create([Delivery(alert=alert, route=route) for route in routes])


def _note(run: Run, event: str, alert: Alert) -> None:
    row = Run.objects.select_for_update().get(pk=run.pk)
    kind = KINDS[alert.kind]
    data = {"alert": alert.kind, "title": kind.title, "text": alert.text, "step": row.step, "grave": kind.grave}
    append_console_event(row, event, data)
