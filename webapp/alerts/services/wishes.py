"""What a team wishes to be told of, where, and what it has seen. Each change needs a role and is audited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.alerts.kinds import KINDS
from webapp.alerts.models import Alert, Mute, Route, Rule
from webapp.alerts.outward import Unreachable, check_url
from webapp.alerts.services.sending import why_no_mail
from webapp.runs.models import Run

MOST_ROUTES: Final = 20
LONGEST_MUTE: Final = timedelta(days=7)


class RouteRefused(Exception):
    """A route or rule cannot be as it was asked for; the text names the value and the cure."""


@transaction.atomic
def set_rule(
    *, team: Team, actor: User, kind: str, enabled: bool, threshold: float | None, ip: str | None = None
) -> Rule:
    """Watch a kind or not, and from which number on; None: the usual number."""
    require_role(actor, team, Role.MAINTAINER, "change what is alerted of")
    usual = KINDS.get(kind)
    if usual is None:
        raise RouteRefused(f"There is no alert {kind[:40]!r}; choose from {', '.join(KINDS)}.")
    if threshold is not None and (usual.threshold is None or not 0 < threshold <= 100_000):
        raise RouteRefused(f"{usual.title}: {threshold:g} is no number to be alerted at; give one above 0.")
    rule, _ = Rule.objects.update_or_create(team=team, kind=kind, defaults={"enabled": enabled, "threshold": threshold})
    record(
        action="alert_rule.changed", subject=rule, actor=actor, team=team, ip=ip,
        kind=kind, enabled=enabled, threshold=threshold,
    )  # fmt: skip
    return rule


@transaction.atomic
def add_route(
    *, team: Team, actor: User, way: str, label: str, address: str, kinds: Sequence[str], ip: str | None = None
) -> Route:
    """Tell somebody outside as well.

    Raises:
        RouteRefused: the address is none, or one that nothing may be sent to.
    """
    require_role(actor, team, Role.MAINTAINER, "add a way for alerts")
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise RouteRefused(f"There is no alert {unknown[0][:40]!r}; choose from {', '.join(KINDS)}.")
    if Route.objects.filter(team=team).count() >= MOST_ROUTES:
        raise RouteRefused(f"{team} has {MOST_ROUTES} ways already; remove one first.")
    _check_address(way, address)
    route = Route.objects.create(
        team=team, way=way, label=label, address=address, kinds=sorted(set(kinds)), made_by=actor
    )
    record(
        action="alert_route.added", subject=route, actor=actor, team=team, ip=ip, way=way, label=label, to=route.shown
    )
    return route


@transaction.atomic
def remove_route(*, route: Route, actor: User, ip: str | None = None) -> None:
    """Tell them no more; what still waits for them is dropped."""
    require_role(actor, route.team, Role.MAINTAINER, "remove a way for alerts")
    record(action="alert_route.removed", subject=route, actor=actor, team=route.team, ip=ip, label=route.label)
    route.delete()


@transaction.atomic
def mute_run(*, run: Run, actor: User, lasting: timedelta | None, ip: str | None = None) -> None:
    """Send nothing of this run for a while; None: send again."""
    require_role(actor, run.team, Role.RUNNER, "mute the alerts of this run")
    if lasting is None:
        Mute.objects.filter(run=run).delete()
    else:
        if not timedelta(0) < lasting <= LONGEST_MUTE:
            raise RouteRefused(f"A run is muted for up to {LONGEST_MUTE.days} days.")
        Mute.objects.update_or_create(run=run, defaults={"until": timezone.now() + lasting, "by": actor})
    hours = lasting.total_seconds() / 3600 if lasting else 0
    record(action="run.alerts_muted", subject=run, actor=actor, team=run.team, ip=ip, hours=hours)


@transaction.atomic
def mark_seen(*, team: Team, actor: User, ids: Sequence[int] = ()) -> int:
    """The person has seen these alerts of the team (all, when none are named); how many were new to them."""
    require_role(actor, team, Role.VIEWER, "see alerts")
    new = Alert.objects.filter(team=team, seen_at=None)
    if ids:
        new = new.filter(pk__in=ids)
    return new.update(seen_at=timezone.now(), seen_by=actor)


def _check_address(way: str, address: str) -> None:
    if way == Route.Way.EMAIL:
        try:
            validate_email(address)
        except ValidationError:
            raise RouteRefused(f"{address[:60]!r} is no e-mail address; write it like ana@example.org.") from None
        missing = why_no_mail()
        if missing:
            raise RouteRefused(missing)
    elif way == Route.Way.WEBHOOK:
        try:
            check_url(address)
        except Unreachable as error:
            raise RouteRefused(f"Nothing could be sent there: {error}.") from error
    else:
        raise RouteRefused(f"There is no way {way[:40]!r}; choose email or webhook.")
