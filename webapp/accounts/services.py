"""Everything that changes people, teams, links and tokens. A secret leaves here once, in clear; its hash is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from webapp.accounts.models import ApiToken, AuditEntry, Membership, Role, SignInLink, Team, User
from webapp.accounts.permissions import PermissionRefused, require_role
from webapp.accounts.secrets import digest_of, make_secret

FIRST_ADMIN = "admin"
FIRST_TEAM = "My team"
SIGN_IN_LINK_LIFETIME = timedelta(hours=12)
TOKEN_PREFIX_LENGTH = 12
LAST_USED_EVERY = timedelta(minutes=1)
"""A token's last use is written at most this often, so that reading does not mean writing."""


class LinkRefused(Exception):
    """A sign-in link cannot be used; the text says why and what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAdmin:
    """The person and the team that a new console begins with."""

    user: User
    team: Team
    created: bool


def record(
    *, action: str, subject: object, actor: User | None, team: Team | None, ip: str | None = None, **data: Any
) -> AuditEntry:
    """Write down who did what; `subject` is the row it was done to."""
    return AuditEntry.objects.create(
        action=action,
        object_type=type(subject).__name__.lower(),
        object_id=str(getattr(subject, "pk", "")),
        actor=actor,
        team=team,
        ip=ip,
        data=data,
    )


@transaction.atomic
def create_first_team_and_admin(*, username: str = FIRST_ADMIN, team_name: str = FIRST_TEAM) -> FirstAdmin:
    """Give an empty console its first admin (no password yet: they come by a sign-in link). Harmless when repeated."""
    membership = (
        Membership.objects.select_related("user", "team")
        .filter(role=Role.ADMIN, user__is_superuser=True, user__is_active=True)
        .order_by("id")
        .first()
    )
    if membership is not None:
        return FirstAdmin(user=membership.user, team=membership.team, created=False)
    user = User.objects.filter(username=username).first() or User(username=username)
    user.is_staff = user.is_superuser = user.is_active = True
    if not user.password:
        user.set_unusable_password()
    user.save()
    team = create_team(name=team_name, admin=user)
    return FirstAdmin(user=user, team=team, created=True)


@transaction.atomic
def create_team(*, name: str, admin: User) -> Team:
    """A new team whose first member is its admin."""
    base = slugify(name) or "team"
    slug, number = base, 2
    while Team.objects.filter(slug=slug).exists():
        slug, number = f"{base}-{number}", number + 1
    team = Team.objects.create(name=name, slug=slug)
    Membership.objects.create(user=admin, team=team, role=Role.ADMIN)
    record(action="team.created", subject=team, actor=admin, team=team)
    return team


@transaction.atomic
def add_member(*, team: Team, actor: User, username: str, role: Role, ip: str | None = None) -> Membership:
    """Bring a person into a team, making the account when there is none; they then sign in by a link."""
    require_role(actor, team, Role.ADMIN, "add members")
    user, created = User.objects.get_or_create(username=username)
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    membership, _ = Membership.objects.update_or_create(user=user, team=team, defaults={"role": role})
    record(action="member.added", subject=membership, actor=actor, team=team, ip=ip, username=username, role=role)
    return membership


@transaction.atomic
def change_role(*, membership: Membership, actor: User, role: Role, ip: str | None = None) -> None:
    """Give a member another role; the last admin of a team keeps theirs."""
    require_role(actor, membership.team, Role.ADMIN, "change roles")
    if role != Role.ADMIN:
        _keep_one_admin(membership)
    old = membership.role
    membership.role = role
    membership.save(update_fields=["role"])
    record(
        action="member.role_changed", subject=membership, actor=actor, team=membership.team, ip=ip, old=old, new=role
    )


@transaction.atomic
def remove_member(*, membership: Membership, actor: User, ip: str | None = None) -> None:
    """Take a person out of a team; their runs stay, the tokens they had for it end."""
    require_role(actor, membership.team, Role.ADMIN, "remove members")
    _keep_one_admin(membership)
    record(
        action="member.removed",
        subject=membership,
        actor=actor,
        team=membership.team,
        ip=ip,
        username=membership.user.username,
    )
    now = timezone.now()
    ApiToken.objects.filter(user=membership.user, team=membership.team, revoked_at=None).update(revoked_at=now)
    membership.delete()


def _keep_one_admin(membership: Membership) -> None:
    admins = Membership.objects.select_for_update().filter(team=membership.team, role=Role.ADMIN)
    if membership.role == Role.ADMIN and list(admins.values_list("pk", flat=True)) == [membership.pk]:
        raise PermissionRefused(
            f"{membership.user} is the only admin of {membership.team}; make somebody else an admin first."
        )


@transaction.atomic
def make_sign_in_link(*, user: User, lifetime: timedelta = SIGN_IN_LINK_LIFETIME) -> str:
    """The secret of a link that signs this person in once. Links made earlier and not used end."""
    now = timezone.now()
    SignInLink.objects.filter(user=user, used_at=None).delete()
    secret = make_secret("in")
    SignInLink.objects.create(user=user, digest=digest_of(secret), expires_at=now + lifetime)
    return secret


@transaction.atomic
def redeem_sign_in_link(*, secret: str, ip: str | None = None) -> User:
    """The person whom a link signs in.

    Raises:
        LinkRefused: it is unknown, used or too old.
    """
    cure = "Sign in with your password, or run `./arpo up` or `./arpo reset-password` for a new link."
    link = SignInLink.objects.select_for_update().select_related("user").filter(digest=digest_of(secret)).first()
    if link is None:
        raise LinkRefused(f"This sign-in link is not known (a newer one replaces older ones). {cure}")
    if link.used_at is not None:
        raise LinkRefused(f"This sign-in link was used already; each works once. {cure}")
    if link.expires_at <= timezone.now():
        raise LinkRefused(f"This sign-in link ended on {link.expires_at:%Y-%m-%d %H:%M} UTC. {cure}")
    if not link.user.is_active:
        raise LinkRefused("This account is switched off; ask an admin of your team.")
    link.used_at = timezone.now()
    link.save(update_fields=["used_at"])
    record(action="user.signed_in_by_link", subject=link.user, actor=link.user, team=None, ip=ip)
    return link.user


@transaction.atomic
def reset_password(*, user: User, password: str, actor: User | None = None, ip: str | None = None) -> None:
    """Set a password that passes Django's validators (ValidationError says which it does not pass)."""
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    SignInLink.objects.filter(user=user, used_at=None).delete()
    record(action="user.password_reset", subject=user, actor=actor, team=None, ip=ip)


@transaction.atomic
def create_api_token(
    *,
    user: User,
    team: Team,
    name: str,
    scopes: list[str],
    expires_in: timedelta | None = None,
    ip: str | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is shown now and never again."""
    unknown = sorted(set(scopes) - set(ApiToken.Scope.values))
    if unknown or not scopes:
        raise ValueError(f"token scopes are {scopes!r}; choose from {', '.join(ApiToken.Scope.values)}")
    least = Role.RUNNER if ApiToken.Scope.RUN in scopes else Role.VIEWER
    require_role(user, team, least, f"make a token with the scopes {', '.join(scopes)}")
    secret = make_secret("arpo")
    token = ApiToken.objects.create(
        user=user,
        team=team,
        name=name,
        prefix=secret[:TOKEN_PREFIX_LENGTH],
        digest=digest_of(secret),
        scopes=sorted(set(scopes)),
        expires_at=timezone.now() + expires_in if expires_in else None,
    )
    record(action="token.created", subject=token, actor=user, team=team, ip=ip, name=name, scopes=scopes)
    return token, secret


@transaction.atomic
def revoke_api_token(*, token: ApiToken, actor: User, ip: str | None = None) -> None:
    """End a token: its owner may, and so may an admin of the team. Ending it twice is harmless."""
    if actor != token.user:
        require_role(actor, token.team, Role.ADMIN, "revoke somebody else's token")
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        record(action="token.revoked", subject=token, actor=actor, team=token.team, ip=ip, name=token.name)


def token_in_use(secret: str) -> ApiToken | None:
    """The live token of this secret, or None for one that is unknown, revoked, expired, or whose owner is gone."""
    token = ApiToken.objects.select_related("user", "team").filter(digest=digest_of(secret), revoked_at=None).first()
    now = timezone.now()
    if token is None or not token.user.is_active or (token.expires_at is not None and token.expires_at <= now):
        return None
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def prefer(*, person: User, name: str, value: str) -> None:
    """Keep how the person wants pages drawn; their own affair, so nobody is asked and nothing is audited."""
    with transaction.atomic():
        kept = User.objects.select_for_update().get(pk=person.pk)
        kept.preferences = {**kept.preferences, name: value}
        kept.save(update_fields=["preferences"])
    person.preferences = kept.preferences
