"""Every page under axe-core: nothing serious or critical, light and dark, on a desk and on a phone.

Pages are found, not listed: an address that answers with a whole document is one, so that a new page is looked at
at once. What axe cannot see (whether an order of Tab makes sense, whether a text says what it means) is not known here.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.pages.browser import DESK, PHONE
from tests.web.pages.in_browser.test_fleet_live import busy_fleet
from tests.web.pages.test_task_sets import REPORT
from tests.web.walk.routes import all_routes
from tests.web.walk.world import World, make_world
from webapp.accounts.models import Membership, Role, User
from webapp.alerts.models import Route
from webapp.alerts.services import raise_alert
from webapp.benchmarks import services as task_sets

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]

GRAVE = ("serious", "critical")
LANDMARKS = ("landmark-unique",)
"""What axe calls moderate and is in the way all the same: parts of one name in the list that screen readers jump by."""
SIZES = {"desk": DESK, "phone": PHONE}
NOT_OURS = "admin:"
"""Django's admin: its pages are Django's."""
THEMED = """(theme) => matchMedia(`(prefers-color-scheme: ${theme})`).matches
  && getComputedStyle(document.documentElement).colorScheme === theme"""
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""The page in its new colours: axe would else see the ink of one theme on the paper of the other."""
ASK = """async () => (await axe.run({ resultTypes: ["violations"] })).violations.flatMap(found => found.nodes.map(
  node => ({ rule: found.id, impact: found.impact, where: String(node.target), html: node.html,
    why: node.failureSummary })))"""


@pytest.fixture
def world(db: None) -> World:
    """A team with one of everything, a busy fleet, an import of tasks and an alert among it."""
    world = make_world()
    admin = User.objects.get(memberships__team=world.team, memberships__role=Role.ADMIN)
    busy_fleet(admin, world.team)
    wanted = task_sets.request_import(owner=admin, team=world.team, path="/srv/OSWorld", only_look=False)
    task_sets.conclude(wanted, REPORT.model_dump(mode="json"))
    raise_alert(team=world.team, run=world.run, kind="lost", text="Nothing was heard of it for 300 s.")
    mail = {"way": Route.Way.EMAIL, "label": "The lab", "address": "lab@example.org", "made_by": admin}
    Route.objects.get_or_create(team=world.team, defaults=mail)
    return world


@pytest.fixture
def person(world: World) -> User:
    """Somebody who sees every page there is."""
    above = User.objects.get(is_superuser=True)
    Membership.objects.create(team=world.team, user=above, role=Role.ADMIN)
    return above


def test_nothing_serious_is_in_the_way_of_anybody(page: Page, world: World) -> None:
    complaints = []
    for address in pages_of(page, world):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        complaints += [f"{address} {complaint}" for complaint in looked_over(page)]
    assert not complaints, "\n".join(complaints)


def test_a_fault_would_be_found(page: Page, world: World) -> None:
    page.goto("/runs/")
    page.locator("h1").evaluate("it => it.insertAdjacentHTML('afterend', '<input><p class=faint>Hardly read</p>')")
    page.locator(".faint").evaluate("it => { it.style.color = '#ccc'; it.style.background = '#ddd'; }")
    found = "\n".join(looked_over(page))
    assert "label" in found
    assert "color-contrast" in found


def test_signing_in_is_in_nobodys_way(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/accounts/sign-in/")
    assert not looked_over(page)


def test_the_top_bar_and_the_tab_one_is_at_fit_a_phone(page: Page, world: World) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(f"/runs/{world.run.pk}/artifacts/")
    page.wait_for_load_state("networkidle")
    expect(page.locator(".topbar .bell .count")).to_be_visible()
    clipped = "bar => bar.scrollWidth - bar.clientWidth"
    assert page.locator(".topbar nav").evaluate(clipped) <= 0
    assert page.locator(".topbar").evaluate(clipped) <= 0
    expect(page.locator(".tabs [aria-current=page]")).to_be_in_viewport(ratio=1)


def pages_of(page: Page, world: World) -> list[str]:
    """Addresses of all pages, and of those whose content is chosen in the address."""
    paths = [route.path(world.value) for route in all_routes() if not route.name.startswith(NOT_OURS)]
    runs = ",".join(world.team.runs.values_list("pk", flat=True))
    return [
        *(path for path in paths if is_page(page, path)),
        f"/compare/?runs={runs}",
        f"/tasks/?runs={world.run.pk}&by=step",
        f"/side-by-side/?e={world.run.pk}/a1-s1-g0-r0&e={world.run.pk}/a1-s1-g0-r1",
        f"/before-and-after/?run={world.run.pk}",
    ]


def is_page(page: Page, path: str) -> bool:
    """Whether a whole document is here; parts of pages, files, redirects and refusals are none."""
    answer = page.request.get(path, max_redirects=0)
    return answer.status == 200 and answer.body()[:20].lower().startswith(b"<!doctype html")


def looked_over(page: Page) -> list[str]:
    """What is grave on this page in any theme and size, a line each."""
    page.evaluate(axe())
    lines = []
    for size, pixels in SIZES.items():
        page.set_viewport_size(pixels)  # type: ignore[arg-type]
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.wait_for_function(THEMED, arg=theme)
            page.evaluate(PAINTED)
            found: list[dict[str, Any]] = page.evaluate(ASK)
            lines += [line_of(one, f"{size} {theme}") for one in found if is_grave(one)]
    return lines


def is_grave(one: dict[str, Any]) -> bool:
    return one["impact"] in GRAVE or one["rule"] in LANDMARKS


def line_of(one: dict[str, Any], seen: str) -> str:
    """A finding, with what is needed to find it in a template."""
    why = " ".join(one["why"].split())
    return f"({seen}): {one['rule']} at {one['where']}: {why}: {one['html'][:160]}"


@cache
def axe() -> str:
    """The source of axe-core."""
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
