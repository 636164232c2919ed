"""Saved views: one's own and the team's, the one that the list begins with, and who may do what to them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import titled_run
from webapp.accounts.models import AuditEntry, Team, User
from webapp.runs.history.models import DefaultView, SavedView
from webapp.runs.models import Run

STATE = "q=tag:paper&sort=-success,name&cols=name,success,optimizer.lr"


def save(client: Client, name: str = "For the paper", **fields: Any) -> SavedView:
    answer = client.post("/runs/views/", {"name": name, "state": STATE, **fields})
    assert answer.status_code == 302
    return SavedView.objects.get(name=name)


def menu(client: Client, state: str = "") -> str:
    return client.get(f"/runs/menu/views/?{state}").content.decode()


def test_a_view_keeps_query_columns_order_and_group(as_runner: Client, runner: User, team: Team) -> None:
    view = save(as_runner)
    assert view.state == "q=tag:paper&cols=name,success,optimizer.lr&sort=-success,name"
    assert "For the paper" in menu(as_runner)
    page = as_runner.get(f"/runs/?{view.state}").content.decode()
    assert "> For the paper</summary>" in page
    assert AuditEntry.objects.filter(action="view.saved", actor=runner).exists()
    again = save(as_runner, "For the paper")
    assert again.pk == view.pk


def test_one_s_own_view_is_one_s_own_and_a_shared_one_the_team_s(
    as_runner: Client, as_viewer: Client, as_stranger: Client, run: Run
) -> None:
    view = save(as_runner)
    assert "For the paper" not in menu(as_viewer)
    as_runner.post(f"/runs/views/{view.pk}/share/", {"shared": "1"})
    assert "For the paper" in menu(as_viewer)
    assert "by ruth" in menu(as_viewer)
    assert "For the paper" not in menu(as_stranger)
    for word in ("share", "delete", "begin"):
        assert as_stranger.post(f"/runs/views/{view.pk}/{word}/").status_code == 404
        assert as_stranger.post("/runs/views/999999/delete/").status_code == 404
    as_runner.post(f"/runs/views/{view.pk}/share/", {"shared": "0"})
    assert "For the paper" not in menu(as_viewer)


def test_only_owners_and_maintainers_change_a_view(
    as_runner: Client, as_viewer: Client, as_person: SignIn, admin: User, run: Run
) -> None:
    view = save(as_runner, shared="1")
    as_viewer.post(f"/runs/views/{view.pk}/delete/")
    as_viewer.post(f"/runs/views/{view.pk}/share/", {"shared": "0"})
    view.refresh_from_db()
    assert view.shared
    as_viewer.post("/runs/views/", {"name": "Mine", "state": STATE, "shared": "1"})
    assert not SavedView.objects.filter(name="Mine").exists()
    assert save(as_viewer, "Mine").shared is False
    as_person(admin).post(f"/runs/views/{view.pk}/delete/")
    assert not SavedView.objects.filter(pk=view.pk).exists()
    assert AuditEntry.objects.get(action="view.deleted").data["state"] == view.state


def test_the_list_begins_with_the_view_that_one_chose(as_runner: Client, as_viewer: Client, run: Run) -> None:
    view = save(as_runner, shared="1", default="1")
    assert as_runner.get("/runs/").url == f"/runs/?{view.state}"
    assert as_runner.get("/runs/?q=").status_code == 200
    assert as_viewer.get("/runs/").status_code == 200
    as_viewer.post(f"/runs/views/{view.pk}/begin/")
    assert as_viewer.get("/runs/").status_code == 302
    as_runner.post(f"/runs/views/{view.pk}/begin/", {"begin": "0"})
    assert as_runner.get("/runs/").status_code == 200
    as_runner.post(f"/runs/views/{view.pk}/share/", {"shared": "0"})
    assert as_viewer.get("/runs/").status_code == 200
    assert not DefaultView.objects.exists()


def test_a_view_whose_query_cannot_be_read_is_not_kept(as_runner: Client, runner: User, team: Team) -> None:
    titled_run(runner, team, "One")
    answer = as_runner.post("/runs/views/", {"name": "Broken", "state": 'q="open'}, follow=True)
    assert "not closed" in answer.content.decode()
    for name in ("", " ", "x" * 61):
        assert "60" in as_runner.post("/runs/views/", {"name": name, "state": STATE}, follow=True).content.decode()
    assert not SavedView.objects.exists()


@pytest.mark.parametrize("name", ["<b>bold</b>", "\x00null", "é" * 60])
def test_names_of_views_are_text(as_runner: Client, run: Run, name: str) -> None:
    as_runner.post("/runs/views/", {"name": name, "state": STATE})
    assert "<b>bold</b>" not in menu(as_runner)
    assert SavedView.objects.count() == 1


def test_a_person_who_left_the_team_sees_its_views_no_more(
    as_viewer: Client, viewer: User, as_runner: Client, run: Run
) -> None:
    view = save(as_runner, shared="1")
    viewer.memberships.all().delete()
    assert as_viewer.get("/runs/menu/views/").status_code == 404
    assert as_viewer.post(f"/runs/views/{view.pk}/begin/").status_code == 404
