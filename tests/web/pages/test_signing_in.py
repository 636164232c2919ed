"""Signing in by password and by link, signing out, and who is sent to the door."""

from __future__ import annotations

import pytest
from django.test import Client

from webapp.accounts.models import Team, User
from webapp.accounts.services import create_team, make_sign_in_link

PASSWORD = "correct horse battery"


def test_a_password_opens_the_runs(client: Client, runner: User) -> None:
    answer = client.post("/accounts/sign-in/", {"username": runner.username, "password": PASSWORD}, follow=True)
    assert answer.redirect_chain[-1][0] == "/runs/"
    assert "Runs" in answer.content.decode()


def test_a_wrong_password_says_so_and_keeps_the_name(client: Client, runner: User) -> None:
    answer = client.post("/accounts/sign-in/", {"username": runner.username, "password": "wrong"})
    page = answer.content.decode()
    assert 'role="alert"' in page
    assert f'value="{runner.username}"' in page


def test_fetching_a_link_ahead_does_not_use_it_up(client: Client, runner: User) -> None:
    secret = make_sign_in_link(user=runner)
    assert client.get(f"/accounts/sign-in/{secret}/").status_code == 200
    assert client.get(f"/accounts/sign-in/{secret}/").status_code == 200
    answer = client.post(f"/accounts/sign-in/{secret}/")
    assert answer.status_code == 302
    assert client.get("/runs/").status_code == 200


def test_a_used_link_says_so_with_the_cure(client: Client, runner: User) -> None:
    secret = make_sign_in_link(user=runner)
    client.post(f"/accounts/sign-in/{secret}/")
    answer = Client().post(f"/accounts/sign-in/{secret}/")
    assert answer.status_code == 410
    assert "used already" in answer.content.decode()
    assert "./arpo" in answer.content.decode()


def test_a_stranger_to_the_console_is_sent_to_the_door_and_back(client: Client, db: None) -> None:
    answer = client.get("/runs/?q=x")
    assert answer.status_code == 302
    assert answer.url == "/accounts/sign-in/?next=/runs/%3Fq%3Dx"


def test_a_fragment_is_not_answered_with_the_sign_in_page(client: Client, run: object) -> None:
    answer = client.get(f"/runs/{run.pk}/head/", headers={"HX-Request": "true"})  # type: ignore[attr-defined]
    assert answer.status_code == 401


def test_signing_out_needs_a_post(as_runner: Client) -> None:
    assert as_runner.get("/accounts/sign-out/").status_code == 405
    as_runner.post("/accounts/sign-out/")
    assert as_runner.get("/runs/").status_code == 302


def test_a_person_without_a_team_is_told_what_to_do(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("nobody"))
    assert "You are in no team yet" in client.get("/runs/").content.decode()
    assert "You are in no team yet" in client.get("/runs/new/").content.decode()


def test_the_team_switcher_only_offers_ones_own_teams(as_runner: Client, runner: User, team: Team) -> None:
    other = create_team(name="Nights", admin=runner)
    foreign = create_team(name="Foreign", admin=User.objects.create_user("someone"))
    as_runner.post("/accounts/team/switch/", {"team": other.pk})
    assert "Nights" in as_runner.get("/runs/").content.decode()
    answer = as_runner.post("/accounts/team/switch/", {"team": foreign.pk}, follow=True)
    assert "no longer a member" in answer.content.decode()
    assert "Nights" in answer.content.decode()


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/"])
def test_switching_teams_never_leads_off_the_console(as_runner: Client, team: Team, back: str) -> None:
    answer = as_runner.post("/accounts/team/switch/", {"team": team.pk, "next": back})
    assert answer.url == "/runs/"
