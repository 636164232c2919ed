"""Pages on a phone and on a desk: nothing scrolls sideways, nothing complains, and what is long still fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from arpo_engine.contract.events import TasksSelected, ValidationFinished
from arpo_engine.contract.figures import Figures, Report
from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.selection import Choice
from tests.web.pages.browser import DESK, PHONE, live
from tests.web.pages.factories import Engine, rich_run, titled_run
from tests.web.pages.test_compare import AFTER, BEFORE, evaluation
from tests.web.pages.test_imported_command import RUNNER
from tests.web.pages.test_selection_panel import RULE, TASKS, choosing_run, trying
from webapp.accounts.models import Team, User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey", "frames_of_the_server")]

TOO_LARGE = """
model: {path: ByteDance-Seed/UI-TARS-1.5-7B, dtype: bfloat16}
tasks: {source: evaluation_examples}
rollout: {max_steps: 15}
desktops: {count: 16}
"""


def test_no_page_scrolls_sideways_on_a_phone_or_complains(page: Page, person: User, team: Team) -> None:
    run, _ = rich_run(person, team, "A run with a name that is longer than any phone is wide, and then some more words")
    base = f"/runs/{run.pk}"
    addresses = (
        "/runs/", "/runs/new/", f"{base}/", f"{base}/episodes/", f"{base}/groups/", f"{base}/metrics/", f"{base}/log/",
        f"{base}/config/", f"{base}/fidelity/", f"{base}/episodes/a1-s1-g0-r1/#step=3", f"{base}/replay/",
        f"{base}/groups/a1-s1-g0/", f"/side-by-side/?e={run.pk}/a1-s1-g0-r0&e={run.pk}/a1-s1-g0-r1",
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
