"""What a person may read of people and teams."""

from __future__ import annotations

from django.db.models import QuerySet

from webapp.accounts.models import ApiToken, AuditEntry, Membership, Role, Team, User
from webapp.accounts.permissions import Person


def teams_visible_to(person: Person) -> QuerySet[Team]:
    """The teams that the person is a member of."""
    if not isinstance(person, User):
        return Team.objects.none()
    return Team.objects.filter(memberships__user=person).order_by("name", "id")


def members_visible_to(person: Person, team: Team) -> QuerySet[Membership]:
    """Everybody in a team, for its members."""
    members = Membership.objects.filter(team=team, team__in=teams_visible_to(person))
    return members.select_related("user").order_by("user__username")


def tokens_visible_to(person: Person, team: Team) -> QuerySet[ApiToken]:
    """A person's own tokens for a team; an admin sees everybody's."""
    tokens = ApiToken.objects.filter(team=team, team__in=teams_visible_to(person)).select_related("user")
    membership = Membership.objects.filter(user=person, team=team).first() if isinstance(person, User) else None
    if membership is not None and membership.role == Role.ADMIN:
        return tokens
    return tokens.filter(user=person) if isinstance(person, User) else tokens.none()


def audit_visible_to(person: Person, team: Team) -> QuerySet[AuditEntry]:
    """A team's audit log, for its maintainers and admins."""
    allowed = Membership.objects.filter(team=team, role__in=[Role.MAINTAINER, Role.ADMIN])
    if not isinstance(person, User) or not allowed.filter(user=person).exists():
        return AuditEntry.objects.none()
    return AuditEntry.objects.filter(team=team).select_related("actor")
