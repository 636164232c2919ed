"""A person's first hour: sign in, start the demo, watch it learn, look into an episode, stop it, come back tomorrow.

One console and one browser for the whole file; each test goes on where the one before it ended.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.journey import evidence
from tests.journey.console import Console

pytestmark = pytest.mark.journey

FIRST_FRAME_MS = 240_000
STEPS_MS = 240_000
ENOUGH_STEPS = 3
GONE_WITHIN_S = 60.0
PAST_STEP = "(step) => Number(document.querySelector('#run-head progress')?.value ?? 0) > step"
SMALL = {
    "title": "Journey",
    "rollout.tasks_per_step": "4",
    "rollout.group_size": "4",
    "optimizer.warmup_steps": "1",
    "optimizer.lr": "2e-4",
    "guard.max_returns": "1000",
    "validation.tasks": "4",
    "checkpoint.every_steps": "1",
    "frames.sample_every": "1",
    "limits.steps": "200",
}
"""The demo, small enough that a busy machine steps quickly; long enough that only Stop ends it."""


def test_the_printed_link_signs_in_once(console: Console, page: Page) -> None:
    page.goto(console.link)
    sign_in = page.get_by_role("button", name="Sign in")
    if sign_in.count():
        sign_in.click()
    expect(page.get_by_role("link", name="New run").first).to_be_visible()
    other = page.context.browser.new_context().new_page()  # type: ignore[union-attr]
    other.goto(console.link)
    expect(other.get_by_role("link", name="New run")).to_have_count(0)
    other.close()


def test_the_demo_is_started_from_the_form(console: Console, page: Page) -> None:
    page.goto(f"{console.address}/runs/new/?preset=pocket_demo")
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    for path, value in SMALL.items():
        page.locator(f"[name='c.{path}']").fill(value)
    page.get_by_role("button", name="Start run").click()
    expect(page.get_by_role("heading", level=1, name="Journey")).to_be_visible()


def test_screenshots_and_points_arrive_without_reload(page: Page, pictures: Path) -> None:
    page.evaluate("window.neverReloaded = true")
    page.wait_for_function(
        "[...document.querySelectorAll('#wall-panel img')].some((img) => img.complete && img.naturalWidth > 0)",
        timeout=FIRST_FRAME_MS,
    )
    page.get_by_role("region", name="Charts").scroll_into_view_if_needed()  # charts are drawn when they are in view
    page.wait_for_function(
        """(steps) => [...document.querySelectorAll('.js-plotly-plot')]
             .some((plot) => plot.data?.some((trace) => (trace.x?.length ?? 0) >= steps))""",
        arg=ENOUGH_STEPS,
        timeout=STEPS_MS,
    )
    assert page.evaluate("window.neverReloaded") is True
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=pictures / "run.png")


def test_a_killed_web_server_comes_back_and_the_page_catches_up(console: Console, page: Page) -> None:
    step = int(page.locator("#run-head progress").first.get_attribute("value") or 0)
    killed = console.kill_web_server()
    page.wait_for_function(PAST_STEP, arg=step + 1, timeout=STEPS_MS)
    assert console.web_server() not in (0, killed)
    assert page.evaluate("window.neverReloaded") is True


def test_an_episode_is_stepped_through_with_the_keyboard(console: Console, page: Page, pictures: Path) -> None:
    folder = evidence.run_folder(console.data)
    steps = evidence.events(folder, "EpisodeStepTaken")
    longest = max(steps[: len(steps) // 2], key=lambda event: event["index"])["episode_id"]
    page.goto(f"{console.address}/runs/{folder.name}/episodes/{longest}/")
    expect(page.locator("#position")).to_contain_text("1 /")
    before = page.locator("#frame").get_attribute("src")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#position")).to_contain_text("2 /")
    assert "step=2" in page.url
    assert page.locator("#frame").get_attribute("src") != before
    page.wait_for_function("document.querySelector('#frame').naturalWidth > 0")
    page.screenshot(path=pictures / "episode.png")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#position")).to_contain_text("1 /")


def test_a_killed_engine_goes_on_from_its_checkpoint(console: Console, page: Page) -> None:
    folder = evidence.run_folder(console.data)
    page.goto(f"{console.address}/runs/{folder.name}/")
    evidence.engine_of(folder).kill()
    expect(page.locator("#run-head")).to_contain_text("attempt 2", timeout=STEPS_MS)
    step = evidence.events(folder, "StepFinished")[-1]["step"]
    page.wait_for_function(PAST_STEP, arg=step + 1, timeout=STEPS_MS)
    first, second = evidence.events(folder, "RunStarted")
    assert first["resumed_from_step"] is None
    assert second["resumed_from_step"] > 0


def test_a_paused_run_waits_and_is_resumed(console: Console, page: Page) -> None:
    folder = evidence.run_folder(console.data)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#run-head")).to_have_attribute("data-status", "paused", timeout=STEPS_MS)
    paused_at = evidence.events(folder, "RunEnded")[-1]["step"]
    evidence.wait_until_engine_is_gone(folder, GONE_WITHIN_S)
    page.get_by_role("button", name="Resume").click()
    page.wait_for_function(PAST_STEP, arg=paused_at + 1, timeout=STEPS_MS)
    assert evidence.events(folder, "RunStarted")[-1]["resumed_from_step"] == paused_at


def test_stop_finishes_the_step_and_saves(console: Console, page: Page) -> None:
    folder = evidence.run_folder(console.data)
    page.goto(f"{console.address}/runs/{folder.name}/")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#run-head")).to_have_attribute("data-status", "stopped", timeout=STEPS_MS)
    ended = evidence.events(folder, "RunEnded")[-1]
    assert ended["outcome"] == "stopped"
    assert list(evidence.checkpoints(folder))[-1].name.endswith(f"{ended['step']}")


def test_the_weights_moved_and_the_rewards_are_the_desktops_own(console: Console) -> None:
    folder = evidence.run_folder(console.data)
    taught = [event for event in evidence.events(folder, "GroupCollected") if not event["zero_gradient"]]
    assert len({event["step"] for event in taught}) >= 2, "fewer than two steps had anything to learn from"
    first, *_, last = evidence.checkpoints(folder)
    before, after = evidence.weights(first / "policy"), evidence.weights(last / "policy")
    assert any(not np.array_equal(before[name], after[name]) for name in before)

    ended = [event for event in evidence.events(folder, "EpisodeEnded") if event["score"] is not None]
    some = [*[e for e in ended if e["score"] > 0][:4], *[e for e in ended if e["score"] == 0][:4]]
    for episode in some:
        assert evidence.score_by_hand(folder, episode["episode_id"]) == episode["score"]


def test_pixels_differ_between_the_steps_of_an_episode(console: Console) -> None:
    steps = evidence.events(evidence.run_folder(console.data), "EpisodeStepTaken")
    frames: dict[str, set[str]] = {}
    for step in steps:
        if step["frame"]:
            frames.setdefault(step["episode_id"], set()).add(step["frame"]["sha256"])
    assert sum(len(seen) > 1 for seen in frames.values()) > len(frames) / 2


def test_the_run_is_in_the_history_after_a_restart(console: Console, page: Page) -> None:
    folder = evidence.run_folder(console.data)
    assert console.stop() == 0
    console.start()
    page.goto(console.link)
    page.goto(f"{console.address}/runs/?q=Journey")
    row = page.locator(f"#run-{folder.name}")
    expect(row).to_be_visible()
    expect(row).to_contain_text("stopped")
    row.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1, name="Journey")).to_be_visible()
