"""What only a browser can tell of the fleet page: it moves by itself, menus and keys work, and it fits a phone."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from arpo_engine.contract.actions import Click
from arpo_engine.contract.events import EpisodeStepTaken, HostSampled
from arpo_engine.contract.fleet import DesktopPhase, OrderOutcome
from arpo_engine.contract.outcomes import Fault
from tests.web.builders import fleet, seen
from tests.web.pages.browser import DESK, PHONE, live
from tests.web.pages.factories import TASKS, Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.fleet.models import Desktop, Order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]

SHOTS = os.environ.get("ARPO_SHOTS", "")
PHASES = [
    DesktopPhase.THINKING, DesktopPhase.ACTING, DesktopPhase.RESETTING, DesktopPhase.SCORING, DesktopPhase.SPARE,
    DesktopPhase.QUARANTINED, DesktopPhase.RESTARTING, DesktopPhase.DRAINED, DesktopPhase.GONE, DesktopPhase.STARTING,
]  # fmt: skip


def busy_fleet(owner: User, where: Team) -> Engine:
    """An engine whose desktops are at everything that a desktop can be at."""
    engine = Engine(titled_run(owner, where, "GRPO on four tasks"))
    engine.start()
    desktops = []
    for place, phase in enumerate(PHASES * 2):
        key = f"a1-e{place}"
        leased = phase in PHASES[:4]
        if leased:
            engine.episode(key, list(TASKS)[place % len(TASKS)], 1, None, shade=place, ends=False)
        desktops.append(
            seen(
                f"pocket-{place // 4}/{place % 4}",
                phase,
                task_id=list(TASKS)[place % len(TASKS)] if leased else "",
                episode_id=key if leased else "",
                step=place if leased else None,
                failures={Fault.DESKTOP_STUCK: 1} if place % 7 == 3 else {},
                note="did not answer a reset within 30 s" if phase is DesktopPhase.RESTARTING else "",
            )
        )
    engine.say(
        fleet(*desktops),
        HostSampled(
            host="bench-1", cpu_percent=172, cores=2, memory_used_mb=5100, memory_total_mb=16000, disk_free_mb=90000
        ),
    )
    return engine


def test_desktops_appear_and_move_without_a_reload(page: Page, person: User, team: Team) -> None:
    engine = Engine(titled_run(person, team, "Live run"))
    engine.start()
    page.goto("/fleet/")
    live(page)
    expect(page.get_by_text("Desktops are being started")).to_be_visible()
    engine.say(fleet(seen("pocket-0/0"), seen("pocket-0/1")))
    expect(page.locator(".desk")).to_have_count(2)
    page.evaluate("document.querySelector('.desk').mark = 'same'")
    engine.episode("a1-now", "mail-send-anna", 1, None, shade=2, ends=False)
    engine.say(fleet(seen("pocket-0/0", DesktopPhase.THINKING, task_id="mail-send-anna", episode_id="a1-now", step=2)))
    first = page.locator(".desk").first
    expect(first).to_contain_text("thinking")
    expect(first).to_contain_text("step 3")
    engine.say(fleet(seen("pocket-0/0", DesktopPhase.ACTING, task_id="mail-send-anna", episode_id="a1-now", step=3)))
    expect(first).to_contain_text("acting")
    expect(first.locator("img")).to_be_visible()
    assert page.evaluate("document.querySelector('.desk').mark") == "same"  # patched where it stands
    first.locator("a.row-link").click()
    expect(page).to_have_url(re.compile(rf"/runs/{engine.run.pk}/episodes/a1-now/#step=8$"))  # the newest
    live(page)
    step = EpisodeStepTaken(
        episode_id="a1-now", index=8, frame=engine.frame(3), thought="It goes on.", action=Click(x=9, y=9)
    )
    engine.say(step)
    expect(page).to_have_url(re.compile(r"#step=9$"))
    expect(page.locator("#thought")).to_have_text("It goes on.")
    expect(page.locator("#frame")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    engine.say(EpisodeStepTaken(episode_id="a1-now", index=9, frame=engine.frame(4), action=Click(x=5, y=5)))
    expect(page.locator("[data-step]")).to_have_count(10)
    expect(page).to_have_url(re.compile(r"#step=8$"))  # who looks at an earlier step stays there


def test_a_desktop_is_restarted_from_its_menu_and_the_menu_stays_open(
    page: Page,
    person: User,
    team: Team,
) -> None:
    engine = busy_fleet(person, team)
    page.goto("/fleet/")
    live(page)
    tile = page.locator(".desk").first
    tile.locator("summary").click()
    engine.say(fleet(seen("pocket-0/0", DesktopPhase.SCORING, step=9)))
    expect(tile).to_contain_text("scoring")
    page.on("dialog", lambda dialog: dialog.accept())
    tile.get_by_role("button", name="Restart").click()
    expect(tile).to_contain_text("restart ordered")
    order = Order.objects.get()
    assert (order.action, order.target) == ("restart", "pocket-0/0")
    engine.say(
        fleet(
            seen("pocket-0/0", DesktopPhase.RESTARTING, note="restarted from the console"),
            orders=[OrderOutcome(id=str(order.pk), done=True)],
        )
    )
    expect(tile).to_contain_text("restarting")
    expect(tile).not_to_contain_text("ordered")


def test_a_machine_is_drained_and_given_back(page: Page, person: User, team: Team) -> None:
    engine = busy_fleet(person, team)
    page.goto("/fleet/?view=machines")
    live(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Drain").click()
    expect(page.get_by_text("drain ordered")).to_be_visible()
    order = Order.objects.get()
    engine.say(fleet(draining=True, orders=[OrderOutcome(id=str(order.pk), done=True)]))
    expect(page.get_by_text("drained: no new episodes")).to_be_visible()
    expect(page.get_by_role("button", name="Use again")).to_be_visible()


def test_keys_filters_and_views_keep_the_address(page: Page, person: User, team: Team) -> None:
    busy_fleet(person, team)
    page.goto("/runs/")
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
    live(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".desk").nth(1)).to_have_attribute("data-selected", "")
    page.get_by_label("Phase", exact=True).select_option("thinking")
    expect(page.locator(".desk")).to_have_count(2)
    assert "phase=thinking" in page.url
    page.get_by_role("link", name="Table").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("tbody tr")).to_have_count(Desktop.objects.count())


def test_the_fleet_fits_a_phone_and_a_desk_in_light_and_dark(page: Page, person: User, team: Team) -> None:
    busy_fleet(person, team)
    for name, size in (("phone", PHONE), ("desk", DESK)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            for view in ("grid", "table", "machines"):
                page.goto(f"/fleet/?view={view}")
                live(page)
                page.wait_for_load_state("networkidle")
                if SHOTS:
                    page.screenshot(path=Path(SHOTS) / f"fleet_{view}_{theme}_{name}.png", full_page=True)
                assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, (name, view)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for view in ("grid", "table"):
        page.goto(f"/fleet/?view={view}")
        live(page)
        for place in (0, 1):
            page.locator(".desk-menu summary").nth(place).click()
            box = page.locator(".desk-menu[open] .menu-list").bounding_box()
            assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"], (view, place)
            if SHOTS:
                page.screenshot(path=Path(SHOTS) / f"fleet_menu_{view}_{place}.png")
            page.keyboard.press("Escape")
