"""The list of runs under a hand: completion, selection with shift, a stop taken back, columns, and nothing moves."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.pages.browser import PHONE, live
from tests.web.pages.factories import Engine, in_status, titled_run
from webapp.accounts.models import Team, User
from webapp.runs.history.models import SavedView
from webapp.runs.models import Run, RunStatus

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]


def test_a_query_is_written_with_the_keyboard_alone(page: Page, person: User, team: Team, problems: list[str]) -> None:
    for number in range(3):
        titled_run(person, team, f"Run {number}", seed=number)
    page.goto("/runs/")
    live(page)
    page.keyboard.press("/")
    page.keyboard.type("see")
    option = page.locator("#offer-0")
    expect(option).to_contain_text("seed:")
    page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(page.locator("#search")).to_have_attribute("aria-activedescendant", "offer-0")
    page.keyboard.press("Enter")
    expect(page.locator("#search")).to_have_value("seed:")
    expect(page.locator("#offer-2 code")).to_have_text("2")
    page.keyboard.type("2")
    expect(page.locator("#runs tbody tr")).to_have_count(1)
    expect(page.locator(".term code")).to_have_text("seed:2")
    assert "q=seed" in page.url
    page.keyboard.press("Escape")
    expect(page.locator("#offers")).to_be_hidden()
    page.get_by_role("link", name="Without seed:2").click()
    expect(page.locator("#runs tbody tr")).to_have_count(3)
    assert all("422" in problem for problem in problems)  # the query with a fault in it is answered so
    problems.clear()


def test_rows_are_selected_by_boxes_keys_and_shift_and_a_stop_is_taken_back(
    page: Page, person: User, team: Team
) -> None:
    runs = [titled_run(person, team, f"Run {number}") for number in range(5)]
    page.goto("/runs/?sort=name")
    live(page)
    expect(page.get_by_role("toolbar")).to_be_hidden()
    page.get_by_label("Select Run 1").click()
    page.get_by_label("Select Run 3").click(modifiers=["Shift"])
    expect(page.locator("[data-selected-count]")).to_have_text("3 selected")
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar")).to_be_hidden()
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-selected-count]")).to_have_text("2 selected")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("2 runs asked to stop.")).to_be_visible()
    expect(page.locator(f"#run-{runs[0].pk}")).to_have_attribute("data-status", "stopped")
    expect(page.get_by_label("Select Run 0")).to_be_checked()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f"#run-{runs[0].pk}")).to_have_attribute("data-status", "queued")
    page.keyboard.press("s")
    expect(page.locator(f"#run-{runs[1].pk} .star")).to_be_visible()
    page.route("**/runs/bulk/", lambda route: route.fulfill(body="compared"))
    with page.expect_request("**/runs/bulk/") as asked:
        page.keyboard.press("c")
    assert f"run={runs[0].pk}&run={runs[1].pk}" in (asked.value.post_data or "")
    assert "order=compare" in (asked.value.post_data or "")


def test_the_row_under_the_cursor_stays_while_others_change(page: Page, person: User, team: Team) -> None:
    first = titled_run(person, team, "First")
    second = titled_run(person, team, "Second")
    page.goto("/runs/?sort=-success&q=name:s")
    live(page)
    row = page.locator(f"#run-{second.pk}")
    page.get_by_label("Select Second").check()
    place = row.bounding_box()
    engine = Engine(first)
    engine.start()
    engine.finish_step(1, success=0.9)
    engine.deliver()
    expect(page.locator(f"#run-{first.pk}")).to_contain_text("(14/16)")
    assert row.bounding_box() == place
    expect(page.get_by_label("Select Second")).to_be_checked()
    titled_run(person, team, "Unrelated")
    titled_run(person, team, "Sixth")
    expect(page.locator("#new-runs")).to_have_text("1 new run: show")
    assert [item.get_attribute("id") for item in page.locator("#runs tbody tr").all()].count(f"run-{second.pk}") == 1


def test_a_run_that_comes_while_others_are_counted_is_counted_too(page: Page, person: User, team: Team) -> None:
    page.goto("/runs/?q=name:s")
    live(page)

    def answered_late(route: Route) -> None:
        answer = route.fetch()
        titled_run(person, team, "Sixth")
        route.fulfill(response=answer)

    page.route("**/runs/fresh/**", answered_late, times=1)
    titled_run(person, team, "Unrelated")
    expect(page.locator("#new-runs")).to_have_text("1 new run: show")


def test_columns_are_chosen_ordered_and_kept_as_a_view(page: Page, person: User, team: Team) -> None:
    titled_run(person, team, "First", seed=7)
    page.goto("/runs/")
    live(page)
    page.get_by_role("button", name="Columns").click()
    page.get_by_label("Any setting or metric").fill("seed")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("seed further left").click()
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**/runs/?*cols=*seed,ran*")
    expect(page.get_by_role("columnheader", name="seed")).to_be_visible()
    page.get_by_role("columnheader", name="Status").get_by_role("link").click()
    page.get_by_role("columnheader", name="seed").get_by_role("link").click(modifiers=["Shift"])
    page.wait_for_url("**sort=-status,-seed**")
    page.locator("summary", has_text="Views").click()
    page.get_by_role("button", name="Save this view…").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Seeds")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.locator("summary", has_text="Seeds")).to_be_visible()
    assert SavedView.objects.get().state.endswith("sort=-status,-seed")


def test_an_archived_row_stays_where_it_was_until_the_page_is_loaded_anew(page: Page, person: User, team: Team) -> None:
    done = in_status(titled_run(person, team, "Done"), RunStatus.FINISHED)
    titled_run(person, team, "Other")
    page.goto("/runs/")
    live(page)
    page.get_by_label("Select Done").check()
    Run.objects.filter(pk=done.pk).update(name="Done well")  # so that the row is another one when it is asked for
    page.get_by_role("button", name="Archive", exact=True).click()
    row = page.locator(f"#run-{done.pk}")
    expect(row).to_contain_text("Done well")
    expect(row).to_have_attribute("data-left", "")
    expect(page.locator("#runs tbody tr")).to_have_count(2)
    page.reload()
    expect(page.locator("#runs tbody tr")).to_have_count(1)
    assert Run.objects.get(pk=done.pk).archived_at is not None


def test_the_name_and_the_heads_stay_in_sight_and_a_phone_scrolls_down_only(
    page: Page, person: User, team: Team
) -> None:
    for number in range(30):
        titled_run(person, team, f"Run {number}")
    page.goto(
        "/runs/?cols=status,owner,preset,step,success,held_out,curve,created,ran,started,finished,id,optimizer.lr,seed"
    )
    live(page)
    scroller = page.locator(".runs-scroll")
    scroller.evaluate("box => box.scrollTo(box.scrollWidth, 400)")
    box = scroller.bounding_box()
    head = page.get_by_role("columnheader", name="Name").bounding_box()
    assert box and head
    assert abs(head["x"] - box["x"]) < 2
    assert abs(head["y"] - box["y"]) < 2
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for address in ("/runs/?q=seed:0+-tag:a&cols=status,seed", "/runs/?group=seed", "/runs/?q=step:1"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, address


def test_density_is_remembered(page: Page) -> None:
    page.goto("/runs/")
    page.get_by_role("button", name="Compact").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.density") == "compact"
