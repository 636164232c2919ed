"""What only a browser can tell: keys, live patches under a still cursor, and what was missed arrives."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from arpo_engine.contract.events import LogWritten
from tests.web.pages.browser import live
from tests.web.pages.factories import Engine, rich_run, titled_run
from webapp.accounts.models import Team, User
from webapp.episodes.models import Frame
from webapp.runs.models import Run, RunStatus

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]


def test_a_page_from_before_the_engine_was_ready_says_when_it_is(page: Page, data: Path) -> None:
    state = data / "setup.json"
    state.write_text('{"phase": "torch", "percent": 40, "message": "Installing torch", "done": false}')
    page.goto("/runs/")
    banner = page.locator("#setup-banner")
    expect(banner).to_contain_text("The engine is being installed. Installing torch")
    state.write_text('{"phase": "torch", "percent": 40, "message": "", "error": "The disk is full.", "done": false}')
    expect(banner).to_contain_text("The engine could not be installed. The disk is full.")
    state.write_text('{"phase": "ready", "percent": 100, "message": "", "done": true}')
    expect(banner).to_have_text("The engine is installed. Runs can be started.")
    state.unlink()


def test_keys_move_through_the_runs(page: Page, person: User, team: Team) -> None:
    runs = [titled_run(person, team, f"Run {number}") for number in range(3)]
    page.goto("/runs/")
    live(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    expect(page.locator("tr[data-selected]")).to_have_attribute("id", f"run-{runs[1].pk}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Run 1", level=1)).to_be_visible()
    live(page)
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()
    live(page)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("Run 2")
    expect(page.locator("#runs tbody tr")).to_have_count(1)
    assert "q=Run" in page.url
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_a_new_run_waits_behind_a_pill_and_a_changed_one_is_patched_in_place(
    page: Page, person: User, team: Team
) -> None:
    first = titled_run(person, team, "First")
    page.goto("/runs/")
    live(page)
    page.evaluate("window.neverReloaded = true")
    titled_run(person, team, "Second")
    expect(page.locator("#new-runs")).to_have_text("1 new run: show")
    expect(page.locator("#runs tbody tr")).to_have_count(1)
    engine = Engine(first)
    engine.start()
    row = page.locator(f"#run-{first.pk}")
    expect(row).to_have_attribute("data-status", "running")
    engine.finish_step(1, success=0.5)
    engine.deliver()
    expect(row).to_contain_text("50.0 % (8/16)")
    assert page.evaluate("window.neverReloaded") is True
    page.locator("#new-runs").click()
    expect(page.locator("#runs tbody tr")).to_have_count(2)


def test_the_run_page_moves_by_itself(page: Page, person: User, team: Team) -> None:
    run = titled_run(person, team)
    engine = Engine(run)
    engine.start()
    page.goto(f"/runs/{run.pk}/")
    live(page)
    page.evaluate("window.neverReloaded = true")
    expect(page.locator("#wall-empty")).to_be_visible()
    engine.episode("a1-s1-g0-r0", "settings-dark-mode", 1, 1.0)
    engine.deliver()
    tile = page.locator('.tile[data-episode="a1-s1-g0-r0"]')
    expect(tile.locator('[data-field="outcome"]')).to_have_text("solved")
    expect(tile.locator('[data-field="task"]')).to_have_text("Switch the dark mode on in Settings")
    expect(tile.locator("img")).to_have_js_property("naturalWidth", 224)
    expect(tile.locator("svg.overlay")).to_have_count(1)
    for step in (1, 2, 3):
        engine.finish_step(step, success=0.1 * step)
    engine.deliver()
    expect(page.locator("#run-head")).to_contain_text("3 / 20")
    success = page.locator("figure", has=page.get_by_role("heading", name="Success"))
    success.locator("summary", has_text="Table").click()
    expect(success.locator("[data-table]")).to_contain_text("0.3")
    engine.group(4, 0, "settings-dark-mode", [0.0, 0.0], rescued_by="a1-s1-g0-r0")
    engine.deliver()
    expect(page.locator(".rescue")).to_have_count(1)
    expect(page.locator(".rescue a").first).to_have_attribute("href", f"/runs/{run.pk}/episodes/a1-s1-g0-r0/")
    assert page.evaluate("window.neverReloaded") is True


def test_what_was_missed_while_cut_off_arrives_once(page: Page, person: User, team: Team) -> None:
    run = titled_run(person, team)
    engine = Engine(run)
    engine.start()
    page.goto(f"/runs/{run.pk}/log/")
    live(page)
    page.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    engine.say(_log("said while nobody listened"))
    page.context.set_offline(False)
    page.reload()
    live(page)
    engine.say(_log("said afterwards"))
    expect(page.locator("#log")).to_contain_text("said afterwards")
    lines = page.locator("#log .log-line").all_inner_texts()
    assert sum("said while nobody listened" in line for line in lines) == 1
    assert sum("said afterwards" in line for line in lines) == 1


def test_an_episode_is_walked_through_with_the_keyboard(page: Page, person: User, team: Team) -> None:
    run, _ = rich_run(person, team)
    page.goto(f"/runs/{run.pk}/episodes/a1-s1-g0-r1/#step=3")
    expect(page.locator("#did")).to_have_text("drag 60, 120 → 150, 120")
    expect(page.locator("#shot svg.overlay line")).to_have_count(2)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#position")).to_have_text("4 / 8")
    assert page.url.endswith("#step=4")
    page.keyboard.press("o")
    expect(page.locator("#shot svg.overlay")).to_have_count(0)
    page.keyboard.press("]")
    expect(page.locator("#speed")).to_have_text("2×")
    page.keyboard.press("End")
    expect(page.locator("#position")).to_have_text("end")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#position")).to_have_text("8 / 8")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_url("**/episodes/a1-s1-g0-r2/**")


def test_the_form_checks_while_one_types(page: Page) -> None:
    page.goto("/runs/new/?preset=pocket_demo")
    page.get_by_label("Group size").fill("12")
    expect(page.locator("#rail ins")).to_have_text("12")
    expect(page.locator('[data-path="rollout.group_size"]')).to_have_class("field changed")
    page.get_by_label("Group size").fill("1")
    expect(page.locator('[id="e-rollout.group_size"]')).to_contain_text("2 or more")
    page.get_by_label("Group size").fill("8")
    expect(page.locator('[id="e-rollout.group_size"]')).to_be_hidden()
    page.locator('[id="f-algorithm.kind"]').select_option("grpo")
    expect(page.locator('[id="w-algorithm.replay.enabled"]')).to_be_hidden()
    page.get_by_label("Title").fill("Typed here")
    page.get_by_role("button", name="Start run").click()
    expect(page.get_by_role("heading", name="Typed here", level=1)).to_be_visible()
    assert "replay" not in Run.objects.get().config["algorithm"]


def test_stop_is_one_press_with_an_undo_and_force_stop_wants_a_word(page: Page, person: User, team: Team) -> None:
    run, _ = rich_run(person, team)
    page.goto(f"/runs/{run.pk}/")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#run-head")).to_have_attribute("data-status", "stopping")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#run-head")).to_have_attribute("data-status", "running")
    page.locator("#run-head .menu summary").click()
    page.get_by_role("button", name="Force stop…").click()
    force = page.get_by_role("dialog").get_by_role("button", name="Force stop")
    expect(force).to_be_disabled()
    page.get_by_label("Type stop to confirm").fill("stop")
    force.click()
    expect(page.locator("#run-head")).to_have_attribute("data-status", "stopping")
    run.refresh_from_db()
    assert run.status == RunStatus.STOPPING
    assert run.force_stop_at is not None


def test_a_thumbnail_whose_bytes_come_late_is_shown_when_they_are_there(page: Page, person: User, team: Team) -> None:
    run, _ = rich_run(person, team)
    frames = list(Frame.objects.filter(run=run))
    Frame.objects.filter(run=run).update(stored_at=None)
    page.goto(f"/runs/{run.pk}/episodes/a1-s1-g0-r1/")
    thumbnail = page.locator(".step-thumb img").first
    expect(thumbnail).to_have_class("on-its-way")
    expect(page.get_by_text("No screenshot was kept of this step")).to_be_visible()
    Frame.objects.bulk_update(frames, ["stored_at"])
    expect(thumbnail).to_have_js_property("naturalWidth", 224)


def test_the_theme_is_remembered(page: Page) -> None:
    page.goto("/runs/")
    page.get_by_role("button", name="Light or dark").click()
    chosen = page.evaluate("document.documentElement.dataset.theme")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == chosen == "dark"


def _log(message: str) -> LogWritten:
    return LogWritten(level="info", logger="arpo_engine.trainer", message=message)
