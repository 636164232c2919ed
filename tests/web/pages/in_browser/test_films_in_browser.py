"""A film in a browser: asked for by a button, it shows itself when it is drawn, and plays."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.pages.browser import PHONE
from tests.web.pages.factories import rich_run
from webapp.accounts.models import Team, User
from webapp.films.models import Film
from workers import films

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]


@pytest.mark.parametrize(("button", "shown"), [("WebP", ".film img"), ("MP4", ".film video")])
def test_a_film_shows_itself_when_it_is_drawn(
    page: Page, problems: list[str], person: User, team: Team, button: str, shown: str
) -> None:
    run, _ = rich_run(person, team)
    page.goto(f"/side-by-side/?e={run.pk}/a1-s1-g0-r0&e={run.pk}/a1-s1-g0-r1")
    page.get_by_role("button", name=button).click()
    expect(page).to_have_url(re.compile(r"/films/\d+/$"))
    expect(page.get_by_role("status").filter(has_text="Waiting for a worker")).to_be_visible()
    films.draw(str(Film.objects.get().pk))
    expect(page.locator(shown)).to_be_visible()
    loaded = "it => it.tagName === 'IMG' ? it.complete && it.naturalWidth > 400 : it.readyState >= 1"
    page.wait_for_function(f"({loaded})(document.querySelector('{shown}'))")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert problems == []
