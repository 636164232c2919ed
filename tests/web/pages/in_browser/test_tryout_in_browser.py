"""What only a browser can tell of a try-out: mouse and keyboard go to the desktop, and come back to the page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from arpo_engine.contract.actions import TypeText
from tests.web.builders import make_person
from tests.web.pages.browser import DESK, PHONE, live
from tests.web.pages.factories import HEIGHT, WIDTH
from tests.web.pages.tryouts import begun, changed, step
from webapp.accounts.models import Role, Team, User
from webapp.tryouts import services
from webapp.tryouts.models import Direction, Tryout

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]

SHOTS = os.environ.get("ARPO_SHOTS", "")


def given() -> list[dict[str, object]]:
    """Actions of people so far, without what is at its default."""
    rows = Direction.objects.filter(kind="act").order_by("number").values_list("data__action", flat=True)
    return list(rows)


def wait_for(page: Page, count: int) -> None:
    """Until so many directions are listed (the newest six are)."""
    expect(page.locator(f"[data-part=directions] [data-number='{count}']")).to_be_visible()


def click_at(page: Page, x: int, y: int, **how: object) -> None:
    """Click where the desktop has this pixel."""
    box = page.locator("[data-part=screen]").bounding_box()
    assert box is not None
    where = (box["x"] + (x + 0.5) / WIDTH * box["width"], box["y"] + (y + 0.5) / HEIGHT * box["height"])
    page.mouse.click(*where, **how)  # type: ignore[arg-type]


def take(page: Page) -> None:
    page.get_by_role("button", name="Take the mouse").click()
    expect(page.get_by_text("You have the mouse.")).to_be_visible()


def test_the_mouse_goes_to_the_desktop_only_while_a_person_has_it(page: Page, person: User, team: Team) -> None:
    engine = begun(person, team)
    page.goto(f"/try/{engine.run.pk}/")
    live(page)
    click_at(page, 100, 50)
    take(page)
    click_at(page, 100, 50)
    wait_for(page, 1)
    click_at(page, 0, 0, button="right")
    wait_for(page, 2)
    click_at(page, 223, 167, click_count=2)
    wait_for(page, 3)
    clicks = [(one["x"], one["y"], one["button"], one["count"]) for one in given()]
    assert clicks == [(100, 50, "left", 1), (0, 0, "right", 1), (223, 167, "left", 2)]
    page.get_by_role("button", name="Give it back").click()
    expect(page.get_by_text("You have the mouse.")).to_be_hidden()
    click_at(page, 100, 50)
    engine.say(changed(taken=2, refused="the button is not there"), changed(taken=3))
    listed = page.locator("[data-part=directions] li")
    expect(listed.nth(0)).to_contain_text("double click 223, 167")
    expect(listed.nth(0)).to_contain_text("done")
    expect(listed.nth(1)).to_contain_text("refused")
    expect(listed.nth(1)).to_contain_text("the button is not there")
    assert len(given()) == 3


def test_dragging_scrolling_and_typing_go_in_the_order_in_which_they_were_made(
    page: Page, person: User, team: Team
) -> None:
    engine = begun(person, team)
    page.goto(f"/try/{engine.run.pk}/")
    live(page)
    take(page)
    box = page.locator("[data-part=screen]").bounding_box()
    assert box is not None
    left, top, scale = box["x"], box["y"], box["width"] / WIDTH
    page.mouse.move(left + 20.5 * scale, top + 30.5 * scale)
    page.mouse.down()
    page.mouse.move(left + 90.5 * scale, top + 60.5 * scale, steps=4)
    page.mouse.up()
    wait_for(page, 1)
    page.mouse.wheel(0, 180)
    wait_for(page, 2)
    page.keyboard.type("Grüße an 李")
    page.keyboard.press("Control+s")
    page.keyboard.press("Enter")
    wait_for(page, 5)
    drag, scroll, typed, saved, entered = given()
    assert drag == {"kind": "drag", "x": 20, "y": 30, "to_x": 90, "to_y": 60}
    assert scroll == {"kind": "scroll", "x": 90, "y": 60, "direction": "down", "clicks": 3}
    assert typed == {"kind": "type", "text": "Grüße an 李"}
    assert saved == {"kind": "hotkey", "keys": ["ctrl", "s"]}
    assert entered == {"kind": "hotkey", "keys": ["enter"]}


def test_escape_once_is_a_key_and_twice_gives_the_mouse_back(page: Page, person: User, team: Team) -> None:
    engine = begun(person, team)
    page.goto(f"/try/{engine.run.pk}/")
    live(page)
    take(page)
    page.keyboard.press("Escape")
    wait_for(page, 1)
    assert given() == [{"kind": "hotkey", "keys": ["escape"]}]
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_text("You have the mouse.")).to_be_hidden()
    expect(page.get_by_role("button", name="Take the mouse")).to_be_focused()
    page.keyboard.press(" ")  # a key of the page again: the button in focus
    expect(page.get_by_text("You have the mouse.")).to_be_visible()
    assert len(given()) == 1


def test_everything_can_be_done_without_a_mouse(page: Page, problems: list[str], person: User, team: Team) -> None:
    engine = begun(person, team)
    page.goto(f"/try/{engine.run.pk}/")
    live(page)
    page.locator(".by-hand summary").press("Enter")
    page.get_by_label("Do", exact=True).select_option("drag")
    for name, value in (("x", "3"), ("y", "4"), ("to x", "50"), ("to y", "60")):
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_role("button", name="Do it").press("Enter")
    wait_for(page, 1)
    page.get_by_label("x", exact=True).fill("900")
    page.get_by_role("button", name="Do it").press("Enter")
    expect(page.get_by_text("x is 900, and the screen has 224 pixels")).to_be_visible()
    problems.clear()  # the browser's own words for an answer of 422
    page.get_by_label("Do", exact=True).select_option("keys")
    page.get_by_role("button", name="Do it").press("Enter")
    expect(page.locator("#hand-keys")).to_be_focused()
    page.locator("#hand-keys").fill("ctrl+s")
    page.keyboard.press("Enter")
    wait_for(page, 2)
    assert given() == [
        {"kind": "drag", "x": 3, "y": 4, "to_x": 50, "to_y": 60},
        {"kind": "hotkey", "keys": ["ctrl", "s"]},
    ]
    page.locator("h1").click()
    page.keyboard.press(".")
    wait_for(page, 3)
    assert Direction.objects.get(number=3).kind == "step"


def test_taking_the_mouse_holds_the_agent_first(page: Page, person: User, team: Team) -> None:
    engine = begun(person, team)
    engine.say(changed("thinking"))
    page.goto(f"/try/{engine.run.pk}/")
    live(page)
    take(page)
    wait_for(page, 1)
    assert Direction.objects.get().kind == "hold"


def test_picture_steps_and_state_come_without_a_reload(page: Page, person: User, team: Team) -> None:
    engine = begun(person, team)
    page.goto(f"/try/{engine.run.pk}/")
    live(page)
    page.evaluate("window.neverReloaded = true")
    expect(page.locator("[data-part=picture]")).to_be_visible()
    before = page.locator("[data-part=picture]").get_attribute("src")
    page.get_by_role("button", name="Go on").first.click()
    wait_for(page, 1)
    engine.say(step(engine, 0), changed("thinking", taken=1, step=1, frame=engine.frame(3)))
    expect(page.locator("[data-part=picture]")).not_to_have_attribute("src", before or "")
    expect(page.locator("[data-part=state]")).to_contain_text("Thinking")
    expect(page.get_by_role("button", name="Go on").first).to_be_disabled()
    engine.say(step(engine, 1, TypeText(text="<b>milk</b>"), by=person.username), changed(step=2))
    lines = page.locator(".try-steps li")
    expect(lines).to_have_count(2)
    expect(lines.nth(0)).to_contain_text("I press the button.")
    expect(lines.nth(1)).to_contain_text("type “<b>milk</b>”")
    expect(lines.nth(1).locator(".chip")).to_have_text(person.username)
    expect(page.locator("[data-part=idle]")).to_contain_text("ends by itself in")
    assert page.evaluate("window.neverReloaded") is True


def test_two_people_one_of_whom_takes_over(page: Page, person: User, team: Team) -> None:
    anna = make_person("anna", team, Role.RUNNER)
    engine = begun(anna, team)
    page.goto(f"/try/{engine.run.pk}/")
    live(page)
    expect(page.get_by_text("anna has the control; you look on.")).to_be_visible()
    expect(page.get_by_role("button", name="One step")).to_be_disabled()
    page.get_by_role("button", name="Take over the control").click()
    expect(page.get_by_text("You have the control; others of the team look on.")).to_be_visible()
    take(page)
    services.take_over(run=engine.run, actor=anna)
    expect(page.get_by_text("anna has the control now; you look on.")).to_be_visible()
    expect(page.get_by_text("You have the mouse.")).to_be_hidden()
    expect(page.get_by_role("button", name="One step")).to_be_disabled()


def test_it_ends_is_kept_and_an_engine_that_falls_silent_is_told_of(page: Page, person: User, team: Team) -> None:
    engine = begun(person, team)
    page.goto(f"/try/{engine.run.pk}/")
    live(page)
    expect(page.get_by_text("Nothing was heard of the engine for")).to_be_visible()  # this one has no heartbeat
    engine.say(changed())
    page.get_by_label("Note", exact=True).fill("It loops at the dialog")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_text("Kept by ruth: it stays in the history.")).to_be_visible()
    page.get_by_role("button", name="Score and end").first.click()
    page.get_by_role("button", name="End it").click()
    wait_for(page, 1)
    assert Direction.objects.get().kind == "finish"
    engine.say(changed("scoring", taken=1))
    engine.end(reason="Ended by ruth")
    expect(page.locator("[data-part=state]")).to_contain_text("Finished")
    expect(page.get_by_role("button", name="One step")).to_be_hidden()
    assert Tryout.objects.get().note == "It loops at the dialog"


def test_what_is_chosen_shows_its_fields_and_tasks_that_fit(page: Page, person: User, team: Team) -> None:
    page.goto("/try/")
    expect(page.get_by_label("Address")).to_be_hidden()
    page.get_by_role("radio", name="A server").check()
    expect(page.get_by_label("Address")).to_be_visible()
    expect(page.get_by_label("Speaks as")).to_be_visible()
    page.get_by_role("radio", name="The shipped model").check()
    expect(page.get_by_label("Speaks as")).to_be_hidden()
    page.get_by_role("radio", name="Real applications, here").check()
    expect(page.get_by_label("Tasks")).to_have_value("configs/tasks/desk_basics")
    expect(page.get_by_label("Task", exact=True).locator("optgroup[label=gimp]")).to_be_attached()
    page.get_by_role("radio", name="Pocket").check()
    expect(page.get_by_label("Tasks")).to_have_value("configs/tasks/pocket")
    page.get_by_label("Words of your own").fill("Open Mail")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", level=1, name="Try: the shipped model")).to_be_visible()
    expect(page.get_by_role("button", name="One step")).to_be_disabled()
    expect(page.locator("[data-part=sentence]")).to_have_text("Waiting for a free place")


def test_the_pages_fit_a_phone_and_a_desk_in_light_and_dark(page: Page, person: User, team: Team) -> None:
    engine = begun(person, team)
    for index in range(4):
        engine.say(step(engine, index, by=person.username if index == 2 else ""))
    services.direct(run=engine.run, actor=person, words={"kind": "step"})
    engine.say(changed(taken=1, step=4, frame=engine.frame(5)))
    for name, size in (("phone", PHONE), ("desk", DESK)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            for what, address in (("live", f"/try/{engine.run.pk}/"), ("begin", "/try/")):
                page.goto(address)
                page.wait_for_load_state("networkidle")
                if SHOTS:
                    page.screenshot(path=Path(SHOTS) / f"try_{what}_{theme}_{name}.png", full_page=True)
                assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, (name, what)
