"""From a curve to a pixel, as a person goes: point, step, group, episode, step; each with an address to share."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from arpo_engine.contract import events as wire
from arpo_engine.contract.actions import Click
from arpo_engine.contract.outcomes import EndedBy, Split
from tests.web.pages.browser import PHONE
from tests.web.pages.factories import Engine, rich_run, titled_run
from webapp.accounts.models import Team, User
from webapp.episodes.models import StepNote

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]


def test_a_point_of_a_curve_leads_to_the_screenshot_of_a_step(page: Page, person: User, team: Team) -> None:
    run, _ = rich_run(person, team, finished=True)
    page.goto(f"/runs/{run.pk}/")
    chart = page.locator("figure", has=page.get_by_role("heading", name="Reward")).locator("[data-chart]")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_class(re.compile("leads-on"))
    # A click of a mouse lands on a point by pixels; the chart's own event is the same without them.
    chart.evaluate(
        "holder => holder.emit('plotly_click', {points: [{x: 1, xaxis: {title: {text: 'training step'}}}], event: {}})"
    )
    page.wait_for_url(f"**/runs/{run.pk}/groups/?step=1")
    page.get_by_role("link", name="settings-dark-mode").first.click()
    page.wait_for_url("**/groups/a1-s1-g0/")
    expect(page.locator(".board thead th.try")).to_have_count(4)
    page.locator(".board tbody tr").nth(2).locator("td a").nth(1).click()
    page.wait_for_url("**/episodes/a1-s1-g0-r1/#step=3")
    expect(page.locator("#did")).to_have_text("drag 60, 120 → 150, 120")
    expect(page.locator("#frame")).to_have_js_property("naturalWidth", 224)


def test_the_table_below_a_chart_has_the_same_links(page: Page, person: User, team: Team) -> None:
    run, _ = rich_run(person, team, finished=True)
    page.goto(f"/runs/{run.pk}/")
    figure = page.locator("figure", has=page.get_by_role("heading", name="Reward"))
    figure.scroll_into_view_if_needed()
    figure.locator("summary", has_text="Table").click()
    expect(figure.get_by_role("link", name="2").first).to_have_attribute("href", f"/runs/{run.pk}/groups/?step=2")


def test_two_tries_are_chosen_and_move_together(page: Page, person: User, team: Team) -> None:
    run, _ = rich_run(person, team, finished=True)
    page.goto(f"/runs/{run.pk}/groups/a1-s1-g0/")
    expect(page.locator("#open-two")).to_be_disabled()
    for name in ("Compare Try 1", "Compare Try 2", "Compare Try 3"):
        page.get_by_label(name).check()
    expect(page.get_by_label("Compare Try 1")).not_to_be_checked()  # a third one lets go of the first
    page.locator("#open-two").click()
    page.wait_for_url("**/side-by-side/?e=*r1&e=*r2*")
    positions = page.locator("[data-position]")
    page.keyboard.press("ArrowRight")
    expect(positions).to_have_text(["2 / 8", "2 / 8"])
    assert page.url.endswith("#step=2")
    page.keyboard.press("l")
    page.keyboard.press("2")
    page.keyboard.press("ArrowRight")
    expect(positions).to_have_text(["2 / 8", "3 / 8"])
    assert page.url.endswith("#step=2&other=3&lock=off")
    page.keyboard.press("l")
    page.keyboard.press("ArrowRight")
    expect(positions).to_have_text(["3 / 8", "4 / 8"])
    expect(page.locator("#pair-note")).to_have_text("B is 1 step ahead")
    page.keyboard.press("d")
    expect(page.locator("[data-side='1'] [data-part=note]")).to_contain_text("of the pixels changed")
    page.reload()
    expect(positions).to_have_text(["3 / 8", "4 / 8"])


def test_the_viewer_shows_before_after_and_what_changed(page: Page, person: User, team: Team) -> None:
    run, _ = rich_run(person, team, finished=True)
    page.goto(f"/runs/{run.pk}/episodes/a1-s1-g0-r1/#step=1")
    expect(page.locator("#shot svg.overlay")).to_have_count(1)
    first = page.locator("#frame").get_attribute("src")
    page.keyboard.press("a")
    expect(page.locator("[data-part=note]")).to_have_text("After step 1")
    assert page.locator("#frame").get_attribute("src") != first
    page.keyboard.press("d")
    expect(page.locator("canvas[data-part=diff]")).to_be_visible()
    expect(page.locator("[data-part=note]")).to_have_text("100.0 % of the pixels changed.")
    expect(page.locator("#after")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("d")
    expect(page.locator("canvas[data-part=diff]")).to_be_hidden()
    expect(page.locator("#frame")).to_have_attribute("src", str(first))


def test_notes_are_written_at_the_step_that_is_looked_at(page: Page, person: User, team: Team) -> None:
    run, _ = rich_run(person, team, finished=True)
    page.goto(f"/runs/{run.pk}/episodes/a1-s1-g0-r1/#step=2")
    page.keyboard.press("m")
    expect(page.locator("#notes li")).to_have_count(1)
    expect(page.locator('[data-step="1"] .noted')).to_have_count(1)
    page.keyboard.press("c")
    page.keyboard.type("It missed; the d, o and arrow keys are letters here")
    page.get_by_role("button", name="Save note").click()
    expect(page.locator("#notes li")).to_have_count(2)
    expect(page.locator("#position")).to_have_text("2 / 8")
    page.locator("#position").click()
    page.keyboard.press("m")  # one's own bare flag is taken back
    expect(page.locator("#notes li")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#notes li")).to_have_count(0)
    assert [(note.index, note.author) for note in StepNote.objects.all()] == [(1, person)]


def test_an_episode_of_500_steps_stays_light(page: Page, person: User, team: Team) -> None:
    run = titled_run(person, team)
    engine = Engine(run)
    engine.start()
    engine.note(
        wire.EpisodeStarted(episode_id="long", task_id="t", instruction="Go", split=Split.TRAIN, step=1, desktop="d")
    )
    for index in range(500):
        action = Click(x=1, y=index)
        engine.note(
            wire.EpisodeStepTaken(
                episode_id="long",
                index=index,
                frame=engine.frame(index),
                thought="a" * 500,
                action=action,
                raw_text="b",
            )
        )
    engine.say(
        wire.EpisodeEnded(
            episode_id="long", ended_by=EndedBy.FINISHED, score=1.0, reward=1.0, format_reward=0.0, steps=500, tokens=1
        )
    )
    page.goto(f"/runs/{run.pk}/episodes/long/#step=487")
    expect(page.locator("#did")).to_have_text("click 1, 486")
    expect(page.locator('[aria-current="step"]')).to_contain_text("487")
    assert page.locator(".step-list li").count() < 80
    page.keyboard.press("End")
    expect(page.locator("#position")).to_have_text("end")
    page.keyboard.press("Home")
    expect(page.locator("#did")).to_have_text("click 1, 0")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.reload()
    expect(page.locator("#did")).to_have_text("click 1, 0")
    page.locator(".step-list ol").evaluate("list => { list.scrollLeft = 84 * 300 }")
    expect(page.locator('[data-step="303"]')).to_contain_text("click 1, 303")
    assert page.locator(".step-list li").count() < 80
