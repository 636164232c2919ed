"""People and the secrets that let them in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from tests.web.builders import make_person
from webapp.accounts.models import ApiToken, AuditEntry, Membership, Role, SignInLink, Team, User
from webapp.accounts.permissions import PermissionRefused, can_administer, can_manage, can_run, can_view
from webapp.accounts.selectors import audit_visible_to, members_visible_to, teams_visible_to, tokens_visible_to
from webapp.accounts.services import (
    LinkRefused,
    add_member,
    change_role,
    create_api_token,
    create_first_team_and_admin,
    make_sign_in_link,
    redeem_sign_in_link,
    remove_member,
    reset_password,
    revoke_api_token,
    token_in_use,
)

pytestmark = pytest.mark.django_db


def test_an_empty_console_gets_one_admin_however_often_it_is_asked() -> None:
    first, again = create_first_team_and_admin(), create_first_team_and_admin()
    assert (first.created, again.created) == (True, False)
    assert first.user == again.user
    assert not first.user.has_usable_password()
    assert can_administer(first.user, first.team)


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        (Role.VIEWER, (True, False, False, False)),
        (Role.RUNNER, (True, True, False, False)),
        (Role.MAINTAINER, (True, True, True, False)),
        (Role.ADMIN, (True, True, True, True)),
    ],
)
def test_each_role_may_what_the_ones_before_it_may(team: Team, role: Role, rights: tuple[bool, ...]) -> None:
    person = make_person("p", team, role)
    assert tuple(may(person, team) for may in (can_view, can_run, can_manage, can_administer)) == rights


def test_a_person_who_is_switched_off_may_nothing(team: Team, viewer: User) -> None:
    viewer.is_active = False
    viewer.save()
    assert not can_view(viewer, team)


def test_a_link_signs_in_once(runner: User) -> None:
    secret = make_sign_in_link(user=runner)
    assert redeem_sign_in_link(secret=secret) == runner
    with pytest.raises(LinkRefused, match="used already"):
        redeem_sign_in_link(secret=secret)


def test_a_newer_link_replaces_an_older_one(runner: User) -> None:
    older, newer = make_sign_in_link(user=runner), make_sign_in_link(user=runner)
    with pytest.raises(LinkRefused, match="not known"):
        redeem_sign_in_link(secret=older)
    assert redeem_sign_in_link(secret=newer) == runner


def test_a_link_ends_with_its_time(runner: User) -> None:
    secret = make_sign_in_link(user=runner, lifetime=timedelta(seconds=-1))
    with pytest.raises(LinkRefused, match="ended on"):
        redeem_sign_in_link(secret=secret)


def test_no_secret_is_stored_in_clear(runner: User, team: Team) -> None:
    link = make_sign_in_link(user=runner)
    _, token = create_api_token(user=runner, team=team, name="ci", scopes=["read"])
    assert link not in str(SignInLink.objects.values_list())
    assert token not in str(ApiToken.objects.values_list())


def test_a_weak_password_is_refused_and_a_good_one_ends_open_links(runner: User) -> None:
    with pytest.raises(ValidationError):
        reset_password(user=runner, password="password")
    secret = make_sign_in_link(user=runner)
    reset_password(user=runner, password="a long and quiet river")
    assert runner.check_password("a long and quiet river")
    with pytest.raises(LinkRefused):
        redeem_sign_in_link(secret=secret)


def test_a_token_works_until_it_is_revoked(runner: User, team: Team) -> None:
    token, secret = create_api_token(user=runner, team=team, name="ci", scopes=["read", "run"])
    found = token_in_use(secret)
    assert found == token
    token.refresh_from_db()
    assert token.last_used_at is not None
    revoke_api_token(token=token, actor=runner)
    revoke_api_token(token=token, actor=runner)
    assert token_in_use(secret) is None


def test_a_token_ends_with_its_time_and_with_its_owner(runner: User, team: Team) -> None:
    _, old = create_api_token(user=runner, team=team, name="old", scopes=["read"], expires_in=timedelta(seconds=-1))
    _, live = create_api_token(user=runner, team=team, name="live", scopes=["read"])
    assert token_in_use(old) is None
    User.objects.filter(pk=runner.pk).update(is_active=False)
    assert token_in_use(live) is None


def test_a_viewer_makes_no_token_that_starts_runs(viewer: User, team: Team) -> None:
    create_api_token(user=viewer, team=team, name="ci", scopes=["read"])
    with pytest.raises(PermissionRefused, match="scopes run"):
        create_api_token(user=viewer, team=team, name="ci", scopes=["run"])
    with pytest.raises(ValueError, match="choose from read, run"):
        create_api_token(user=viewer, team=team, name="ci", scopes=["everything"])


def test_only_an_admin_adds_changes_and_removes_members(team: Team, admin: User, runner: User) -> None:
    with pytest.raises(PermissionRefused):
        add_member(team=team, actor=runner, username="newcomer", role=Role.VIEWER)
    membership = add_member(team=team, actor=admin, username="newcomer", role=Role.VIEWER)
    change_role(membership=membership, actor=admin, role=Role.RUNNER)
    remove_member(membership=membership, actor=admin)
    assert list(AuditEntry.objects.filter(actor=admin).values_list("action", flat=True))[:3] == [
        "member.removed",
        "member.role_changed",
        "member.added",
    ]


def test_the_last_admin_stays_one(team: Team, admin: User) -> None:
    membership = Membership.objects.get(user=admin, team=team)
    with pytest.raises(PermissionRefused, match="only admin"):
        change_role(membership=membership, actor=admin, role=Role.VIEWER)
    with pytest.raises(PermissionRefused, match="only admin"):
        remove_member(membership=membership, actor=admin)


def test_who_leaves_a_team_loses_its_tokens(team: Team, admin: User, runner: User) -> None:
    _, secret = create_api_token(user=runner, team=team, name="ci", scopes=["read"])
    remove_member(membership=Membership.objects.get(user=runner), actor=admin)
    assert token_in_use(secret) is None


def test_strangers_read_nothing_of_a_team(team: Team, stranger: User, runner: User, admin: User) -> None:
    create_api_token(user=runner, team=team, name="ci", scopes=["read"])
    assert team not in teams_visible_to(stranger)
    assert not members_visible_to(stranger, team).exists()
    assert not tokens_visible_to(stranger, team).exists()
    assert not audit_visible_to(runner, team).exists()
    assert tokens_visible_to(admin, team).count() == 1
    assert audit_visible_to(admin, team).exists()
