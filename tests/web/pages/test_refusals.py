"""Pages for what went wrong: nothing here, not allowed, something broke. Each offers the way on."""

from __future__ import annotations

import pytest
from django.test import Client

from webapp.accounts.models import User


def test_an_unknown_address_looks_like_a_foreign_one(as_runner: Client) -> None:
    for address in ("/nothing/here/", "/runs/doesnotexist/"):
        answer = as_runner.get(address)
        assert answer.status_code == 404
        assert "There is nothing here" in answer.content.decode()
        assert "To the runs" in answer.content.decode()


def test_a_page_that_breaks_says_what_still_works(runner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("webapp.runs.views.listing.load_of", broken)
    browser = Client(raise_request_exception=False)
    browser.force_login(runner)
    answer = browser.get("/runs/")
    assert answer.status_code == 500
    page = answer.content.decode()
    assert "Something broke in the console" in page
    assert "Your runs are not affected" in page
    assert "broken on purpose" not in page


def test_an_old_page_is_told_to_reload(runner: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(runner)
    answer = browser.post("/accounts/tokens/create/", {"name": "x"})
    assert answer.status_code == 403
    assert "This page was too old" in answer.content.decode()


def test_no_page_has_scripts_or_handlers_of_its_own(as_runner: Client) -> None:
    for address in ("/runs/", "/runs/new/", "/accounts/team/", "/accounts/tokens/"):
        page = as_runner.get(address).content.decode()
        assert " onclick=" not in page and " style=" not in page
        for opening in page.split("<script")[1:]:
            head = opening.split(">")[0]
            assert " src=" in head or "application/json" in head, head
