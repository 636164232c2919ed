"""The matrix and the comparison in a browser: keys, the panel, charts on one axis, and that they fit a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.pages.browser import DESK, PHONE
from tests.web.pages.factories import rich_run
from tests.web.pages.test_task_matrix import tried
from webapp.accounts.models import Team, User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]


def test_tasks_are_chosen_by_keys_and_become_a_new_run(
    page: Page, problems: list[str], person: User, team: Team
) -> None:
    old = tried(person, team, "Old", {"mail": [1, 1], "notes": [0]})
    new = tried(person, team, "New", {"mail": [0, 0], "notes": [1]})
    page.goto(f"/tasks/?runs={old.pk},{new.pk}&sort=task")
    button = page.get_by_role("button", name="New run with these tasks")
    expect(button).to_be_disabled()
    page.get_by_role("link", name="2/2").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("link", name="0/2")).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    expect(page.get_by_text("2 tasks chosen")).to_be_visible()
    page.keyboard.press("x")
    expect(page.get_by_text("1 task chosen")).to_be_visible()
    button.click()
    expect(page).to_have_url(re.compile(rf"/runs/new/\?clone={new.pk}&tasks=mail"))
    expect(page.locator('[id="f-tasks.only"]')).to_have_value('["mail"]')
    assert problems == []


def test_a_tasks_history_opens_beside_the_matrix_and_closes_again(
    page: Page, problems: list[str], person: User, team: Team
) -> None:
    run = tried(person, team, "Old", {"mail": [1, 0], "notes": [0]})
    page.goto(f"/tasks/?runs={run.pk}")
    page.get_by_role("link", name="mail", exact=True).click()
    panel = page.get_by_role("complementary", name="History of a task")
    expect(panel).to_contain_text("50.0 % (1/2)")
    expect(panel.locator(".js-plotly-plot")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("link", name="mail", exact=True)).to_be_focused()
    # A part of the matrix is asked for anew without losing the place in the address.
    page.get_by_label("Order").select_option("never_solved")
    expect(page).to_have_url(re.compile("sort=never_solved"))
    expect(page.locator("[data-history]").first).to_have_text("notes")
    assert problems == []


def test_a_query_takes_the_place_of_the_runs_that_the_page_had_ticked_itself(
    page: Page, problems: list[str], person: User, team: Team
) -> None:
    old = tried(person, team, "Old", {"mail": [1]})
    new = tried(person, team, "New", {"notes": [1]})
    page.goto("/tasks/")
    box = page.get_by_role("combobox", name="Runs")
    box.press_sequentially("na")
    expect(page.locator(".offers li").first).to_be_visible()
    box.fill("name:old")
    box.press("Enter")
    expect(page.locator("#matrix h2")).to_have_text("1 task, 1 run")
    expect(page.locator("#picked")).to_have_text("1 run")
    expect(page.locator("#found")).to_have_text("1 run found by the query.")
    assert "runs=" not in page.url and "q=name%3Aold" in page.url
    # What a person ticks stays beside what the query finds.
    page.locator(".run-picker summary").click()
    page.locator(f"input[name=runs][value='{new.pk}']").check()
    expect(page.locator("#matrix h2")).to_have_text("2 tasks, 2 runs")
    box.fill("name:")
    box.press("Enter")
    expect(page.get_by_role("heading", name="This query cannot be read")).to_be_visible()
    page.get_by_role("link", name="Show all runs").click()
    expect(page.locator("#matrix h2")).to_have_text("1 task, 1 run")
    expect(page).to_have_url(re.compile(f"runs={new.pk}"))
    assert old.pk not in page.locator("#matrix").inner_html()
    assert [problem for problem in problems if "422" not in problem] == []
    problems.clear()  # the browser's own words for the query that cannot be read


def test_filters_stand_side_by_side_on_a_phone(page: Page, person: User, team: Team) -> None:
    tried(person, team, "Old", {"mail": [1]})
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto("/tasks/")
    boxes = [page.locator(f"#{name}").bounding_box() for name in ("tries", "when", "q")]
    assert all(boxes), "each filter is on the page"
    tries, when, query = (box for box in boxes if box is not None)
    assert tries["y"] == when["y"] and tries["x"] + tries["width"] < when["x"]
    assert query["width"] > 330 and page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_charts_share_their_axis_and_grouping_and_the_address_keeps_them(
    page: Page, problems: list[str], person: User, team: Team
) -> None:
    one, _ = rich_run(person, team, "One", steps=12, finished=True)
    two, _ = rich_run(person, team, "Two", steps=12, finished=True)
    page.goto(f"/compare/?runs={one.pk},{two.pk}#curves")
    chart = page.locator("[data-chart-panel]", has_text="Reward: reward")
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".js-plotly-plot")).to_be_visible()
    page.get_by_role("button", name="Episodes").click()
    expect(page).to_have_url(re.compile("x=episodes"))
    expect(chart).to_contain_text("episodes")
    page.get_by_label("Add a chart").fill("train/grad_norm")
    page.get_by_label("Add a chart").press("Enter")
    expect(page).to_have_url(re.compile("key=train%2Fgrad_norm"))
    expect(page.locator("h3", has_text="train/grad_norm")).to_be_visible()
    assert problems == []


def test_settings_are_searched_as_one_types(page: Page, person: User, team: Team) -> None:
    one = tried(person, team, "One", {"mail": [1]}, seed=1)
    two = tried(person, team, "Two", {"mail": [0]}, seed=2, optimizer={"lr": 3e-6})
    page.goto(f"/compare/?runs={one.pk},{two.pk}")
    page.get_by_label("Find a setting").fill("optim")
    expect(page.locator("#settings-rows tr:visible")).to_have_count(1)
    page.get_by_label("Find a setting").fill("nothing like it")
    expect(page.get_by_text("No setting that differs has these words")).to_be_visible()


def test_both_pages_fit_a_phone_and_a_desk(page: Page, problems: list[str], person: User, team: Team) -> None:
    tasks: dict[str, list[float | None]] = {f"a-task-with-a-long-name-{number}": [1, 0, None] for number in range(30)}
    one = tried(person, team, "A run with a name that is longer than a phone is wide", tasks)
    two = tried(person, team, "Another run with a name that is longer than a phone is wide", {"mail": [1], **tasks})
    ids = f"{one.pk},{two.pk}"
    addresses = (f"/tasks/?runs={ids}", f"/tasks/?runs={one.pk}&by=steps", f"/compare/?runs={ids}", "/compare/",
                 f"/compare/chart/?runs={ids}&key=train/reward", f"/tasks/history/?task=mail&runs={ids}")  # fmt: skip
    for size in (PHONE, DESK):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for address in addresses:
            page.goto(address)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, (address, size)
    assert problems == []
