"""From a waiting delivery to somebody's mail or chat: together what is due together, a few messages in ten minutes."""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import Role, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.alerts.models import Alert, Delivery, Route
from webapp.alerts.outward import Unreachable, post_json

MOST_MESSAGES: Final = 6
WITHIN: Final = timedelta(minutes=10)
"""So many messages go to one route in this time; what comes meanwhile waits and is told together."""
MOST_TRIES: Final = 6
FIRST_PAUSE: Final = timedelta(seconds=30)
LISTED: Final = 10
"""Alerts that one message lists; of the others it says how many they are."""


def routes_with_mail() -> list[int]:
    """Routes for which something is due."""
    due = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=timezone.now())
    return list(due.order_by("route_id").values_list("route_id", flat=True).distinct())


def send_due(route_id: int) -> int:
    """Send one message with all that is due on a route; how many alerts it told of.

    The rows are locked while it is sent: two workers never send the same.
    """
    with transaction.atomic():
        route = Route.objects.select_for_update(skip_locked=True).filter(pk=route_id).first()
        if route is None:
            return 0
        now = timezone.now()
        waiting = Delivery.objects.filter(route=route, state=Delivery.State.WAITING, due_at__lte=now)
        due = list(waiting.select_related("alert", "alert__run", "alert__team"))
        if not due or _too_many(route):
            return 0
        try:
            answer = _send(route, [delivery.alert for delivery in due])
        except Unreachable as error:
            _put_off(due, str(error))
            _remember(route, str(error), worked=False)
            return 0
        for delivery in due:
            delivery.state, delivery.sent_at, delivery.answer = Delivery.State.SENT, now, answer[:300]
            delivery.tries += 1
        Delivery.objects.bulk_update(due, ["state", "sent_at", "answer", "tries"])
        _remember(route, answer, worked=True)
        return len(due)


def try_route(*, route: Route, actor: User, ip: str | None = None) -> str:
    """Send a test message now; the answer in words.

    Raises:
        Unreachable: it did not arrive; the text says why.
    """
    require_role(actor, route.team, Role.MAINTAINER, "test a way for alerts")
    record(action="alert_route.tested", subject=route, actor=actor, team=route.team, ip=ip, label=route.label)
    words = f"A test from {actor} of {route.team}: alerts arrive here."
    try:
        answer = _hand_over(route, "ARPO Console: a test", words)
    except Unreachable as error:
        _remember(route, str(error), worked=False)
        raise
    _remember(route, answer, worked=True)
    return answer


def why_no_mail() -> str:
    """What is missing before e-mail can be sent; empty when nothing is."""
    if settings.EMAIL_HOST:
        return ""
    return "This console knows no mail server: set ARPO_SMTP_HOST and ARPO_MAIL_FROM where it runs, then restart it."


def _too_many(route: Route) -> bool:
    recent = Delivery.objects.filter(route=route, sent_at__gt=timezone.now() - WITHIN)
    return recent.values("sent_at").distinct().count() >= MOST_MESSAGES


def _send(route: Route, alerts: Sequence[Alert]) -> str:
    lines = [_line(alert) for alert in alerts[:LISTED]]
    if len(alerts) > LISTED:
        lines.append(f"… and {len(alerts) - LISTED} more: {settings.PUBLIC_URL}/alerts/")
    first = alerts[0]
    subject = f"{first.about.title}: {_name(first)}" if len(alerts) == 1 else f"{len(alerts)} alerts of {first.team}"
    return _hand_over(route, f"ARPO Console: {subject}", "\n".join(lines))


def _hand_over(route: Route, subject: str, text: str) -> str:
    if route.way == Route.Way.WEBHOOK:
        return post_json(route.address, {"text": f"*{_plain(subject)}*\n{_plain(text)}"})
    missing = why_no_mail()
    if missing:
        raise Unreachable(missing)
    try:
        EmailMessage(subject=" ".join(subject.split()), body=text, to=[route.address]).send()
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(f"the mail server did not take it: {error}"[:290]) from error
    return "handed to the mail server"


def _line(alert: Alert) -> str:
    where = f" {settings.PUBLIC_URL}/runs/{alert.run_id}/" if alert.run_id else ""
    return f"{alert.about.title}: {_name(alert)}: {alert.text}{where}"


def _name(alert: Alert) -> str:
    return alert.run.name if alert.run else "this console"


def _plain(text: str) -> str:
    """Text in which a run's name cannot call a whole channel or make up a link (Slack reads &, < and > as its own)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _put_off(due: Sequence[Delivery], why: str) -> None:
    for delivery in due:
        delivery.tries += 1
        delivery.answer = why[:300]
        if delivery.tries >= MOST_TRIES:
            delivery.state = Delivery.State.FAILED
        delivery.due_at = timezone.now() + FIRST_PAUSE * 2 ** (delivery.tries - 1)
    Delivery.objects.bulk_update(due, ["tries", "answer", "state", "due_at"])


def _remember(route: Route, answer: str, *, worked: bool) -> None:
    Route.objects.filter(pk=route.pk).update(last_answer=answer[:300], last_at=timezone.now(), last_worked=worked)
