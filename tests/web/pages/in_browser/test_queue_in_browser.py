"""What only a browser can tell of the queue and the New run form: drag, keys, two people, a sweep as it is typed."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.web.builders import make_attempt
from tests.web.pages.browser import DESK, PHONE, live
from tests.web.pages.factories import titled_run
from webapp.accounts.models import Membership, Role, Team, User
from webapp.runs.models import Run, RunStatus
from webapp.runs.planning_models import QueueHold, TeamPreset, TeamQuota
from webapp.runs.presets import find_preset
from webapp.runs.queueing import state
from webapp.runs.queueing.rules import decide
from webapp.runs.services import set_status
from webapp.runs.services.queueing import move_step
from webapp.runs.services.schedules import create_schedule
from webapp.runs.services.team_presets import save_preset

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]

SHOTS = os.environ.get("ARPO_SHOTS", "")


@pytest.fixture(autouse=True)
def one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARPO_RUNS_AT_ONCE", "1")


@pytest.fixture
def maintainer(person: User) -> User:
    Membership.objects.filter(user=person).update(role=Role.MAINTAINER)
    return person


@pytest.fixture
def three(maintainer: User, team: Team) -> list[Run]:
    return [titled_run(maintainer, team, name) for name in ("First", "Second", "Third")]


def names(page: Page) -> list[str]:
    return page.locator("[data-queue] .row-link").all_inner_texts()


def in_rows() -> list[str]:
    return [run.name for run in state.in_order()]


def explain() -> None:
    queue = list(state.in_order())
    state.tell_reasons(queue, decide(state.as_waiting(queue), state.books_of(state.holding(), timezone.now())))


def test_a_row_is_dragged_to_the_top(page: Page, three: list[Run]) -> None:
    page.goto("/runs/queue/")
    live(page)
    grip = page.locator(f"#queued-{three[2].pk} [data-grip]")
    grip.drag_to(page.locator(f"#queued-{three[0].pk}"), target_position={"x": 300, "y": 4})
    expect(page.locator("[data-queue] .row-link").first).to_have_text("Third")
    assert in_rows() == names(page) == ["Third", "First", "Second"]
    expect(page.locator("#queue-said")).to_contain_text("Third is at place 1 of the team's 3")


def test_the_arrow_keys_move_a_row_and_the_focus_goes_with_it(page: Page, three: list[Run]) -> None:
    page.goto("/runs/queue/")
    live(page)
    grip = page.locator(f"#queued-{three[0].pk} [data-grip]")
    grip.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-queue] .row-link").first).to_have_text("Second")
    expect(grip).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator("[data-queue] .row-link").last).to_have_text("First")
    page.keyboard.press("Home")
    expect(page.locator("[data-queue] .row-link").first).to_have_text("First")
    assert in_rows() == ["First", "Second", "Third"]


def test_of_two_people_the_second_is_shown_the_queue_and_can_make_the_move_again(
    page: Page, three: list[Run], team: Team, maintainer: User, problems: list[str]
) -> None:
    page.goto("/runs/queue/")
    live(page)
    page.locator(f"#queued-{three[1].pk} [data-grip]").focus()
    ids = [run.pk for run in three]
    move_step(team=team, actor=maintainer, run_id=three[2].pk, step="top", seen=ids)
    page.get_by_role("button", name="Second to the top").click()
    expect(page.locator("#toasts")).to_contain_text("The queue changed meanwhile; here it is.")
    assert names(page) == ["Third", "First", "Second"]
    page.get_by_role("button", name="Move it now").click()
    expect(page.locator("[data-queue] .row-link").first).to_have_text("Second")
    assert in_rows() == ["Second", "Third", "First"]
    assert [one for one in problems if "409" not in one] == []
    problems.clear()


def test_what_others_do_waits_behind_a_pill_while_a_hand_is_on_the_table(
    page: Page, three: list[Run], team: Team, maintainer: User
) -> None:
    page.goto("/runs/queue/")
    live(page)
    page.locator(f"#queued-{three[0].pk}").hover()
    ids = [run.pk for run in three]
    move_step(team=team, actor=maintainer, run_id=three[2].pk, step="top", seen=ids)
    pill = page.get_by_role("button", name="The queue changed: show")
    expect(pill).to_be_visible()
    assert names(page) == ["First", "Second", "Third"]
    pill.click()
    expect(page.locator("[data-queue] .row-link").first).to_have_text("Third")


def test_a_priority_is_typed_and_chosen_runs_are_taken_out(page: Page, three: list[Run]) -> None:
    page.goto("/runs/queue/")
    live(page)
    page.get_by_label("Priority of Third").fill("9")
    page.keyboard.press("Enter")
    expect(page.locator("[data-queue] .row-link").first).to_have_text("Third")
    page.get_by_label("Choose First").check()
    page.get_by_label("Choose Second").check()
    expect(page.get_by_text("2 chosen")).to_be_visible()
    page.get_by_role("button", name="Take the chosen out of the queue").click()
    expect(page.get_by_text("2 runs taken out")).to_be_visible()
    assert in_rows() == names(page) == ["Third"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("2 runs put back.")).to_be_visible()
    assert in_rows() == names(page) == ["Third", "First", "Second"]


def test_a_sweep_is_counted_while_it_is_typed(page: Page, person: User) -> None:
    page.goto("/runs/new/")
    page.locator("[id='f-seed']").fill("1, 2")
    page.locator("[id='f-optimizer.lr']").fill("1e-5, 3e-5, 1e-4")
    expect(page.get_by_role("button", name="Start 6 runs")).to_be_visible()
    expect(page.locator("#rail")).to_contain_text("sweep")
    page.get_by_role("button", name="Start 6 runs").click()
    expect(page.get_by_text("sweep of 6 runs")).to_be_visible()
    assert Run.objects.count() == 6


def test_only_what_is_changed_can_be_shown_and_a_schedule_shows_its_fields(page: Page, person: User) -> None:
    page.goto("/runs/new/")
    page.locator("[id='f-seed']").fill("7")
    page.get_by_role("button", name="Only what is changed").click()
    expect(page.locator("[id='f-seed']")).to_be_visible()
    expect(page.locator("[id='f-model.path']")).to_be_hidden()
    page.get_by_role("button", name="Only what is changed").click()
    expect(page.locator("#f-cron")).to_be_hidden()
    page.locator("#f-when").select_option("cron")
    expect(page.locator("#f-cron")).to_be_visible()
    expect(page.locator("#f-at")).to_be_hidden()


def crowded(team: Team, person: User) -> dict[str, str]:
    """A team with everything that these pages show; the addresses of the pages."""
    TeamQuota.objects.create(team=team, desktops=64, concurrent_runs=2, gpu_hours=200)
    TeamPreset.objects.all().delete()
    demo = find_preset("pocket_demo")
    assert demo is not None
    preset = save_preset(
        team=team, actor=person, name="House rules", story="What we settled on after the March sweeps: rate and replay "
        "are fixed.", config=demo.tree(), locked=["optimizer.lr", "algorithm.replay"],
    )  # fmt: skip
    create_schedule(
        owner=person, team=team, name="Nightly on the held-out tasks", tree=demo.tree(), cron="0 2 * * *",
        zone="Europe/Berlin", next_at=timezone.now() + timedelta(hours=9),
    )  # fmt: skip
    first = titled_run(person, team, "ARPO on the settings tasks, seed 0")
    make_attempt(first)
    set_status(first, RunStatus.RUNNING, "Started")
    now = timezone.now()
    Run.objects.filter(pk=first.pk).update(eta_s=1500, progress_at=now, started_at=now - timedelta(hours=1))
    first.attempts.update(gpus=2, started_at=now - timedelta(hours=5))
    for name, count in (("GRPO without replay", 16), ("A run with a name that is longer than most", 60)):
        titled_run(person, team, name, desktops={"count": count}, limits={"minutes": 40})
    titled_run(person, team, "Small check", desktops={"count": 4})
    paused = titled_run(person, team, "Paused over lunch")
    Run.objects.filter(pk=paused.pk).update(status=RunStatus.PAUSED, step=12, status_reason="Paused after step 12")
    explain()
    return {
        "queue": "/runs/queue/",
        "schedules": "/runs/schedules/",
        "presets": "/runs/presets/",
        "preset": f"/runs/presets/{preset.pk}/",
        "quota": "/runs/quota/",
        "new": f"/runs/new/?team_preset={preset.pk}",
        "clone": f"/runs/new/?clone={first.pk}",
        "lineage": f"/runs/{first.pk}/config/",
    }


def test_every_page_fits_a_phone_and_a_desk(page: Page, person: User, maintainer: User, team: Team) -> None:
    addresses = crowded(team, person)
    page.goto("/runs/new/")
    page.locator("[id='f-seed']").fill("1, 2, 3")
    page.get_by_role("button", name="Start 3 runs").click()
    page.wait_for_url("**/runs/sweeps/**")
    addresses["sweep"] = page.url
    explain()
    for size, width in ((DESK, "desk"), (PHONE, "phone")):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for theme in ("light", "dark") if SHOTS else ("light",):
            page.emulate_media(color_scheme=theme)
            for name, address in addresses.items():
                page.goto(address)
                page.wait_for_load_state("networkidle")
                too_wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                assert too_wide <= 0, (address, size)
                if SHOTS:
                    page.screenshot(path=str(Path(SHOTS) / f"{name}_{width}_{theme}.png"), full_page=True)


def test_a_paused_queue_is_released_from_its_banner(page: Page, three: list[Run], team: Team) -> None:
    page.goto("/runs/queue/")
    live(page)
    page.locator("summary", has_text="Pause the queue").click()
    page.get_by_label("Why, for the others").fill("driver upgrade")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("driver upgrade").first).to_be_visible()
    assert QueueHold.objects.filter(team=team).exists()
    page.get_by_role("button", name="Release the queue").click()
    expect(page.get_by_text("The queue goes on.")).to_be_visible()
    assert not QueueHold.objects.exists()
