"""A person tries the shipped model on a real desktop: one step of it, a click of theirs, its score, the episode kept.

Real everything: the console as `./arpo up` starts it, the engine as a Ray job, a Qt desktop, a Chromium.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journey import evidence
from tests.journey.console import Console

pytestmark = pytest.mark.journey

UP_MS = 240_000
DONE_MS = 60_000
INSTRUCTION = "Open file song and open app Mail"


def test_a_try_out_is_begun_watched_directed_and_scored(console: Console, page: Page, pictures: Path) -> None:
    page.goto(console.link)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="New run").first).to_be_visible()
    page.goto(f"{console.address}/try/")
    page.get_by_label("Task", exact=True).select_option(label=INSTRUCTION)
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("[data-part=state]")).to_contain_text("Holding", timeout=UP_MS)
    expect(page.locator("[data-part=picture]")).to_be_visible()
    expect(page.locator("[data-part=instruction]")).to_have_text(INSTRUCTION)

    page.get_by_role("button", name="One step").click()
    steps = page.locator(".try-steps li")
    expect(steps).to_have_count(1, timeout=DONE_MS)
    expect(page.locator("[data-part=state]")).to_contain_text("Holding")

    page.get_by_role("button", name="Take the mouse").click()
    expect(page.get_by_text("You have the mouse.")).to_be_visible()
    took = [click_and_see(page, x, y) for x, y in ((40, 60), (112, 84), (180, 120))]
    expect(steps).to_have_count(4, timeout=DONE_MS)
    expect(steps.last.locator(".chip")).to_have_text("admin")
    page.screenshot(path=pictures / "try.png")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_text("You have the mouse.")).to_be_hidden()
    print("click to picture:", [f"{one:.2f} s" for one in took])  # noqa: T201

    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_text("Kept by admin")).to_be_visible()
    page.get_by_role("button", name="Score and end").first.click()
    page.get_by_role("button", name="End it").click()
    expect(page.locator("[data-part=state]")).to_contain_text("Finished", timeout=DONE_MS)

    folder = console.data / "runs" / page.url.rstrip("/").rpartition("/")[2]
    (ended,) = evidence.events(folder, "EpisodeEnded")
    assert ended["score"] is not None
    told = evidence.events(folder, "EpisodeStepTaken")
    assert [step["by"] for step in told] == ["", "admin", "admin", "admin"]
    assert not list(folder.glob("checkpoints/*")), "a try-out trains nothing"
    page.get_by_role("link", name="Episode").click()
    page.locator("[data-step='1']").click()
    expect(page.locator("#by-box")).to_contain_text("done by admin, not by the agent")


def click_and_see(page: Page, x: int, y: int) -> float:
    """Click where the desktop has this pixel; seconds until the page lists it as done, with the picture after it."""
    box = page.locator("[data-part=screen]").bounding_box()
    assert box is not None
    width = page.evaluate("document.querySelector('[data-part=picture]').naturalWidth")
    scale = box["width"] / width
    number = page.locator("[data-part=directions] li").first.get_attribute("data-number") or "0"
    began = time.monotonic()
    page.mouse.click(box["x"] + (x + 0.5) * scale, box["y"] + (y + 0.5) * scale)
    mine = page.locator(f"[data-part=directions] [data-number='{int(number) + 1}'] .chip.good")
    expect(mine).to_be_visible(timeout=DONE_MS)
    return time.monotonic() - began
