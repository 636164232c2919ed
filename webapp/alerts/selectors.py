"""Reading alerts, always for one person and the teams that they are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from webapp.accounts.models import Team
from webapp.accounts.permissions import Person
from webapp.accounts.selectors import teams_visible_to
from webapp.alerts.kinds import KINDS, Kind
from webapp.alerts.models import Alert, Route, Rule

PAGE_SIZE: Final = 30


@dataclass(frozen=True, slots=True)
class Wish:
    """A kind and what the team has set for it."""

    kind: Kind
    enabled: bool
    threshold: float | None
    """The number that holds, the team's own or the usual one."""
    own: bool
    """Whether the team has set it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsPage:
    """Some of the team's alerts, and where the pages beside them are; None where there is none."""

    alerts: tuple[Alert, ...]
    number: int
    newer: int | None
    older: int | None


def page_of(alerts: QuerySet[Alert], number: int) -> AlertsPage:
    """One page of these alerts, counted from 1, the newest first; past the last one it is empty."""
    number = max(1, number)
    rows = list(alerts[(number - 1) * PAGE_SIZE : number * PAGE_SIZE + 1])
    return AlertsPage(
        alerts=tuple(rows[:PAGE_SIZE]),
        number=number,
        newer=number - 1 if number > 1 else None,
        older=number + 1 if len(rows) > PAGE_SIZE else None,
    )


def alerts_visible_to(person: Person, team: Team) -> QuerySet[Alert]:
    """The team's alerts, the newest first."""
    mine = Alert.objects.filter(team=team, team__in=teams_visible_to(person))
    return mine.select_related("run", "seen_by").prefetch_related("deliveries__route")


def unseen_count(person: Person, team: Team) -> int:
    """Alerts of the team that nobody has looked at."""
    return Alert.objects.filter(team=team, team__in=teams_visible_to(person), seen_at=None).count()


def routes_visible_to(person: Person, team: Team) -> QuerySet[Route]:
    """Where the team's alerts go."""
    return Route.objects.filter(team=team, team__in=teams_visible_to(person)).select_related("made_by", "team")


def wishes_visible_to(person: Person, team: Team) -> list[Wish]:
    """Every kind with what holds for the team."""
    rules = {rule.kind: rule for rule in Rule.objects.filter(team=team, team__in=teams_visible_to(person))}
    return [_wish(kind, rules.get(kind.name)) for kind in KINDS.values()]


def _wish(kind: Kind, rule: Rule | None) -> Wish:
    own = rule.threshold if rule else None
    return Wish(kind, rule.enabled if rule else True, kind.threshold if own is None else own, rule is not None)
