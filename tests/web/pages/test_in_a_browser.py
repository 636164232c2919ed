"""What only a browser can tell: keys, live patches under a still cursor, phones, and scripts without errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from pytest_django import DjangoDbBlocker, Settings

from arpo_engine.contract.events import LogWritten, TasksSelected, ValidationFinished
from arpo_engine.contract.figures import Figures, Report
from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.selection import Choice
from tests.web.builders import make_person, make_team
from tests.web.pages.browser import FLAGS, WebServer
from tests.web.pages.factories import Engine, rich_run, titled_run
from tests.web.pages.test_compare import AFTER, BEFORE, evaluation
from tests.web.pages.test_imported_command import RUNNER
from tests.web.pages.test_selection_panel import RULE, TASKS, choosing_run, trying
from webapp.accounts.models import Role, Team, User
from webapp.episodes.models import Frame
from webapp.runs.models import Run, RunStatus
from webapp.supervisor.browser import SKIP_REASON, WHY_SKIPPED, find_chromium

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]

PATIENCE_MS = 60_000
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("console")


@pytest.fixture(scope="module")
def server(data: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker, valkey: str) -> Iterator[WebServer]:
    with django_db_blocker.unblock():
        server = WebServer(data)
    server.wait_until_ready()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(os.environ.get(SKIP_REASON) or WHY_SKIPPED)
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's own event loop runs in this thread; the rows that tests make have nothing to do with it.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            yield browser
            browser.close()


@pytest.fixture
def frames_of_the_server(settings: Settings, own_folders: None, data: Path) -> None:
    settings.MEDIA_ROOT = data / "media"


@pytest.fixture
def team(browser: Browser, db: None) -> Team:
    return make_team("Reds")[0]


@pytest.fixture
def person(team: Team) -> User:
    return make_person("ruth", team, Role.RUNNER)


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, server: WebServer, person: User, problems: list[str], settings: Settings) -> Iterator[Page]:
    """A signed-in page in which every complaint of the console is a failure of the test."""
    context: BrowserContext = browser.new_context(viewport=DESK, base_url=server.url)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    client = Client()
    client.force_login(person)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": server.url}])
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    page.on("console", lambda said: problems.append(f"{page.url}: {said.text}") if _is_a_problem(said) else None)
    yield page
    context.close()
    server.wait_until_at_rest()
    assert problems == []


expect.set_options(timeout=PATIENCE_MS)

TOO_LARGE = """
model: {path: ByteDance-Seed/UI-TARS-1.5-7B, dtype: bfloat16}
tasks: {source: evaluation_examples}
rollout: {max_steps: 15}
desktops: {count: 16}
"""


def live(page: Page) -> None:
    """Wait until the page's scripts run and its socket is open."""
    expect(page.locator("[data-connection]")).to_have_attribute("data-state", "live")


def test_no_page_scrolls_sideways_on_a_phone_or_complains(page: Page, person: User, team: Team) -> None:
    run, _ = rich_run(person, team, "A run with a name that is longer than any phone is wide, and then some more words")
    base = f"/runs/{run.pk}"
    addresses = (
        "/runs/", "/runs/new/", f"{base}/", f"{base}/episodes/", f"{base}/groups/", f"{base}/metrics/", f"{base}/log/",
        f"{base}/config/", f"{base}/fidelity/", f"{base}/episodes/a1-s1-g0-r1/#step=3",
        "/accounts/team/", "/accounts/tokens/",
    )  # fmt: skip
    for size in (PHONE, DESK):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for address in addresses:
            page.goto(address)
            page.wait_for_load_state("networkidle")
            too_wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert too_wide <= 0, (address, size)


def test_two_evaluations_and_a_pasted_command_of_the_runner_fit_a_phone(page: Page, person: User, team: Team) -> None:
    before, after = (evaluation(person, team, name, counts) for name, counts in (("Old", BEFORE), ("New", AFTER)))
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(f"/runs/{after.pk}/")
    page.get_by_role("link", name="Compare with another evaluation").click()
    page.get_by_label("Compare with", exact=True).select_option(before.pk)
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("row", name="mail")).to_contain_text("clear")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.goto("/runs/new/")
    page.get_by_text("Paste an ARPO or verl command").click()
    page.get_by_label("Script, command line or YAML").fill(RUNNER)
    page.get_by_role("button", name="Show what becomes of it").click()
    expect(page.get_by_role("heading", name="What becomes of the pasted command")).to_be_visible()
    expect(page.locator("#f-kind")).to_have_value("evaluate")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_the_plan_of_a_model_that_is_too_large_fits_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto("/runs/new/")
    page.locator("summary", has_text="Fill the form from a YAML file").click()
    page.locator("#yaml").fill(TOO_LARGE)
    page.locator("#paste button").click()
    plan = page.locator(".plan")
    expect(plan).to_contain_text("Too large:")
    expect(plan).to_contain_text("model.lora.rank=32")
    plan.locator("summary", has_text="What it is made of").click()
    expect(plan.get_by_role("row", name="while learning")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_figures_arrive_by_themselves_and_fit_a_phone(page: Page, person: User, team: Team) -> None:
    made = titled_run(person, team, "Measured", kind="evaluate")
    engine = Engine(made, total_steps=1)
    engine.start()
    page.goto(f"/runs/{made.pk}/")
    live(page)
    expect(page.get_by_text("Nothing has been measured yet.")).to_be_visible()
    figures = Figures(
        tasks=88, attempts=352, successes=49, success=49 / 352, interval=(0.1071, 0.1793), pass1_mean=49 / 352,
        pass1_sd=0.021, trials=4, pass_at={1: 49 / 352, 2: 0.21, 4: 0.29}, mean_score=49 / 352,
    )  # fmt: skip
    report = Report(
        feasible=figures, infeasible=figures, domains={"open-app": figures, "vlc": figures}, together=figures
    )
    measured = ValidationFinished(
        step=1, split=Split.EVALUATION, successes=49, attempts=352, tasks="held_out", figures=report
    )
    engine.say(measured)
    expect(page.get_by_text("10.7 – 17.9 %").first).to_be_visible()
    for size in (PHONE, DESK):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, size


def test_the_choice_of_tasks_arrives_by_itself_and_fits_a_phone(page: Page, person: User, team: Team) -> None:
    run, engine = choosing_run(person, team)
    page.goto(f"/runs/{run.pk}/")
    live(page)
    engine.say(trying(12))
    expect(page.locator("progress[value='12']")).to_be_visible()
    engine.say(TasksSelected(choice=Choice(rule=RULE, tasks=TASKS)))
    expect(page.locator("#selection-tasks")).to_contain_text("31.2 % (5/16)")
    for size in (PHONE, DESK):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, size


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
    expect(page.locator("tr[data-selected]")).to_have_attribute("data-run", runs[1].pk)
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


def _is_a_problem(said: ConsoleMessage) -> bool:
    """A picture may be asked for a moment before its bytes have come; the page asks again."""
    return said.type == "error" and "/frames/" not in said.location["url"]


def _log(message: str) -> LogWritten:
    return LogWritten(level="info", logger="arpo_engine.trainer", message=message)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_pasted_command_is_answered_with_its_keys_and_a_filled_form(
    page: Page, problems: list[str], size: dict
) -> None:
    page.set_viewport_size(size)
    page.goto("/runs/new/")
    page.get_by_text("Paste an ARPO or verl command").click()
    page.locator("#command").fill(Path("tests/data/verl/subset32.sh").read_text(encoding="utf-8"))
    page.get_by_role("button", name="Show what becomes of it").click()
    expect(page.locator("#imported")).to_contain_text("0 refused")
    page.locator("#imported summary", has_text="Every key").click()
    expect(page.locator("#imported td", has_text="worker.actor.global_batch_size").first).to_be_visible()
    expect(page.locator('[id="f-title"]')).to_have_value("osworld_cot_7b_nokl_subset32")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert problems == []
