"""Charts under a hand: a zoom reads finer buckets, a double click the whole, files are saved, one fails alone."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.metrics.services import record_points
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "train/long"
ZOOM = "node => Plotly.relayout(node, {'xaxis.range[0]': 2000, 'xaxis.range[1]': 2100})"
WHOLE = "node => Plotly.relayout(node, {'xaxis.autorange': true})"
STEP_OF = "node => { const x = node.data.find((one) => one.name === 'train/long').x; return x[1] - x[0]; }"


@pytest.fixture
def long(person: User, team: Team) -> Run:
    """A run with a series of nine thousand steps, one of them NaN."""
    run = titled_run(person, team)
    engine = Engine(run)
    engine.start()
    engine.finish_step(1, success=0.5)
    engine.deliver()
    value = {3000: math.nan}
    record_points(
        run.pk,
        [
            (KEY, 1, step, engine.at + timedelta(seconds=step), value.get(step, math.sin(step / 300)))
            for step in range(1, 9001)
        ],
    )
    return run


def drawn(page: Page) -> None:
    expect(page.locator("[data-chart] .main-svg").first).to_be_visible()


def test_a_zoom_reads_finer_buckets_and_the_address_keeps_it(page: Page, long: Run) -> None:
    page.goto(f"/runs/{long.pk}/chart/?key={KEY}&smooth=0&marks=0")
    drawn(page)
    chart = page.locator("[data-chart]")
    assert chart.evaluate(STEP_OF) > 1
    with page.expect_response(lambda answer: "from=2000" in answer.url):
        chart.evaluate(ZOOM)
    page.wait_for_function(f"({STEP_OF})(document.querySelector('[data-chart]')) === 1")
    assert "from=2000" in page.url and "to=2100" in page.url
    page.reload()
    drawn(page)
    assert chart.evaluate("node => node._fullLayout.xaxis.range.map(Math.round)") == [2000, 2100]
    with page.expect_response(lambda answer: "figure.json" in answer.url and "from=" not in answer.url):
        chart.evaluate(WHOLE)
    page.wait_for_function(f"({STEP_OF})(document.querySelector('[data-chart]')) > 1")


def test_who_cannot_drag_types_the_part(page: Page, long: Run) -> None:
    page.goto(f"/runs/{long.pk}/chart/?key={KEY}&smooth=0&marks=0")
    drawn(page)
    page.get_by_label("From").fill("4000")
    page.get_by_label("to", exact=True).fill("4050")
    page.keyboard.press("Enter")
    page.wait_for_function(f"({STEP_OF})(document.querySelector('[data-chart]')) === 1")
    assert page.locator("[data-chart]").evaluate("node => node._fullLayout.xaxis.range.map(Math.round)") == [4000, 4050]
    page.get_by_role("button", name="Time", exact=True).click()
    expect(page.get_by_label("From")).to_have_value("")


def test_a_chart_is_saved_as_a_picture_and_as_numbers(page: Page, long: Run) -> None:
    page.goto(f"/runs/{long.pk}/chart/?key={KEY}")
    drawn(page)
    menu = page.locator(".chart-menu > summary")
    menu.click()
    with page.expect_download() as picture:
        page.get_by_role("button", name="Save as PNG").click()
    assert picture.value.suggested_filename == f"{long.pk}-train-long.png"
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")
    menu.click()
    with page.expect_download() as numbers:
        page.get_by_role("link", name="Save as CSV").click()
    assert numbers.value.path().read_text().count("\n") == 9001


def test_a_log_axis_and_a_table_with_nan(page: Page, long: Run) -> None:
    page.goto(f"/runs/{long.pk}/chart/?key={KEY}&smooth=0")
    drawn(page)
    page.locator(".chart-menu > summary").click()
    page.get_by_role("button", name="Logarithmic axis").click()
    expect(page.locator("[data-note]")).to_contain_text("not on the log axis")
    assert "log=1" in page.url
    page.locator(".chart-table > summary").click()
    expect(page.locator(".chart-table")).to_contain_text("NaN")


def test_an_empty_axis_offers_one_with_something_on_it(page: Page, long: Run) -> None:
    page.goto(f"/runs/{long.pk}/chart/?key={KEY}&x=env_steps")
    expect(page.locator(".chart-message")).to_contain_text("no counts of environment steps")
    page.get_by_role("button", name="Show by step").click()
    drawn(page)


def test_one_chart_that_fails_leaves_the_others_alone(page: Page, long: Run, problems: list[str]) -> None:
    page.route("**/figure.json?chart=reward*", lambda route: route.fulfill(status=503, body="away"))
    page.goto(f"/runs/{long.pk}/")
    failed = page.locator("[data-chart-panel]", has=page.get_by_role("heading", name="Reward"))
    expect(failed).to_contain_text("could not be drawn: the console answered 503")
    drawn(page)
    page.unroute("**/figure.json?chart=reward*")
    failed.get_by_role("button", name="Try again").click()
    expect(failed.locator(".main-svg").first).to_be_visible()
    assert all("503" in problem for problem in problems)
    problems.clear()
