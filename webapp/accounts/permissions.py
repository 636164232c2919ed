"""Who may do what in a team. One place decides; services ask it before they write, selectors before they read."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from webapp.accounts.models import Membership, Role, Team, User

Person = User | AnonymousUser
"""Whoever a request comes from."""


class PermissionRefused(Exception):
    """A person may not do this; the text says what is missing and who can give it."""


def role_of(person: Person, team: Team) -> Role | None:
    """The person's role in the team; None for a stranger."""
    if not isinstance(person, User) or not person.is_active:
        return None
    word = Membership.objects.filter(user=person, team=team).values_list("role", flat=True).first()
    return Role(word) if word else None


def has_role(person: Person, team: Team, least: Role) -> bool:
    """Whether the person's role reaches `least`."""
    role = role_of(person, team)
    return role is not None and role.rank >= least.rank


def can_view(person: Person, team: Team) -> bool:
    """See runs, episodes and frames."""
    return has_role(person, team, Role.VIEWER)


def can_run(person: Person, team: Team) -> bool:
    """Start runs, and stop one's own."""
    return has_role(person, team, Role.RUNNER)


def can_manage(person: Person, team: Team) -> bool:
    """Stop, archive and reorder everybody's runs."""
    return has_role(person, team, Role.MAINTAINER)


def can_administer(person: Person, team: Team) -> bool:
    """Change members and roles."""
    return has_role(person, team, Role.ADMIN)


def can_administer_console(person: Person) -> bool:
    """Change what all teams share: which machines are in the cluster."""
    return isinstance(person, User) and person.is_active and person.is_superuser


def require_console_admin(person: Person, doing: str) -> None:
    """Raise PermissionRefused unless the person administers the console; `doing` reads as in "let machines join"."""
    if not can_administer_console(person):
        raise PermissionRefused(
            f"To {doing} you need to be an administrator of the console, since all teams share its machines. Ask "
            "the one who runs it."
        )


def require_role(person: Person, team: Team, least: Role, doing: str) -> None:
    """Raise PermissionRefused unless the person's role reaches `least`; `doing` reads as in "start a run"."""
    role = role_of(person, team)
    if role is not None and role.rank >= least.rank:
        return
    have = f"you are {_with_article(role)} of {team.name}" if role else f"you are not a member of {team.name}"
    raise PermissionRefused(
        f"To {doing} you need the role {least.value} or higher; {have}. Ask an admin of the team to change your role."
    )


def _with_article(role: Role) -> str:
    return f"an {role.value}" if role is Role.ADMIN else f"a {role.value}"
