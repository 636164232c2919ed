"""Members, roles and API tokens: admins change, others look, secrets are shown once."""

from __future__ import annotations

from django.test import Client

from tests.web.pages.conftest import SignIn
from webapp.accounts.models import ApiToken, Membership, Role, Team, User


def test_members_are_seen_by_all_and_changed_by_admins_only(
    as_person: SignIn, admin: User, runner: User, viewer: User, team: Team
) -> None:
    assert "Add somebody" in as_person(admin).get("/accounts/team/").content.decode()
    page = as_person(runner).get("/accounts/team/").content.decode()
    assert viewer.username in page
    assert "Add somebody" not in page
    refused = as_person(runner).post("/accounts/team/add/", {"username": "eve", "role": "admin"})
    assert refused.status_code == 403
    assert "role admin or higher" in refused.content.decode()
    assert not User.objects.filter(username="eve").exists()


def test_a_new_member_gets_a_link_that_is_shown_once(as_person: SignIn, admin: User) -> None:
    browser = as_person(admin)
    page = browser.post("/accounts/team/add/", {"username": "eve", "role": "runner"}, follow=True).content.decode()
    assert "/accounts/sign-in/in_" in page
    assert "/accounts/sign-in/in_" not in browser.get("/accounts/team/").content.decode()


def test_a_bad_name_is_answered_at_the_field(as_person: SignIn, admin: User) -> None:
    answer = as_person(admin).post("/accounts/team/add/", {"username": "eve & adam", "role": "runner"})
    assert answer.status_code == 422
    assert "Use letters" in answer.content.decode()


def test_a_role_is_changed_and_the_last_admin_stays(as_person: SignIn, admin: User, viewer: User, team: Team) -> None:
    browser = as_person(admin)
    theirs = Membership.objects.get(user=viewer, team=team)
    browser.post(f"/accounts/team/members/{theirs.pk}/role/", {"role": "maintainer"})
    theirs.refresh_from_db()
    assert theirs.role == Role.MAINTAINER
    own = Membership.objects.get(user=admin, team=team)
    refused = browser.post(f"/accounts/team/members/{own.pk}/role/", {"role": "viewer"})
    assert refused.status_code == 403
    assert "only admin" in refused.content.decode()


def test_members_of_other_teams_cannot_be_reached(as_stranger: Client, viewer: User) -> None:
    theirs = Membership.objects.get(user=viewer)
    assert as_stranger.post(f"/accounts/team/members/{theirs.pk}/remove/").status_code == 404
    assert Membership.objects.filter(pk=theirs.pk).exists()


def test_a_token_is_shown_once_and_can_be_revoked(as_runner: Client) -> None:
    made = as_runner.post("/accounts/tokens/create/", {"name": "report", "scopes": ["read"]}, follow=True)
    assert "arpo_" in made.content.decode()
    token = ApiToken.objects.get()
    assert "shown only this once" not in as_runner.get("/accounts/tokens/").content.decode()
    as_runner.post(f"/accounts/tokens/{token.pk}/revoke/")
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_a_viewer_cannot_make_a_token_that_runs(as_viewer: Client) -> None:
    answer = as_viewer.post("/accounts/tokens/create/", {"name": "sly", "scopes": ["run"]})
    assert answer.status_code == 403
    assert not ApiToken.objects.exists()


def test_somebody_elses_token_is_not_there(as_person: SignIn, runner: User, viewer: User) -> None:
    as_person(runner).post("/accounts/tokens/create/", {"name": "mine", "scopes": ["read"]})
    token = ApiToken.objects.get()
    assert as_person(viewer).post(f"/accounts/tokens/{token.pk}/revoke/").status_code == 404
