"""Two evaluations side by side: every task's n/N, its interval, what changed; and who may look."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from arpo_engine.contract.events import EpisodeStarted, ValidationFinished
from arpo_engine.contract.figures import Figures, Report
from arpo_engine.contract.outcomes import Split
from tests.web.builders import make_team
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Role, Team, User
from webapp.episodes.comparison import set_of_pairs
from webapp.runs.models import Run
from webapp.runs.rates import Rate

pytestmark = pytest.mark.django_db

Counts = dict[str, tuple[int, int]]
BEFORE: Counts = {"mail": (0, 16), "notes": (8, 8), "files": (2, 4), "gone": (1, 4), "cannot": (0, 4)}
AFTER: Counts = {"mail": (16, 16), "notes": (7, 8), "files": (1, 2), "fresh": (2, 4), "cannot": (4, 4)}


def evaluation(owner: User, team: Team, name: str, counts: Counts, **config: object) -> Run:
    run = titled_run(owner, team, name, kind="evaluate", **config)
    nothing = Figures()
    Engine(run).say(
        EpisodeStarted(
            episode_id="e1",
            task_id="cannot",
            instruction="?",
            infeasible=True,
            split=Split.HELD_OUT,
            step=0,
            desktop="d",
        ),
        ValidationFinished(
            step=0,
            split=Split.HELD_OUT,
            successes=0,
            attempts=0,
            by_task=counts,
            figures=Report(feasible=nothing, infeasible=nothing, together=nothing),
        ),
    )
    return run


@pytest.fixture
def before(runner: User, team: Team) -> Run:
    return evaluation(runner, team, "Before", BEFORE)


@pytest.fixture
def after(runner: User, team: Team) -> Run:
    return evaluation(runner, team, "After", AFTER, evaluation={"attempts": 16})


def row_of(page: str, task: str) -> str:
    return next(row for row in page.split("<tr>") if f"<code>{task}</code>" in row)


def test_the_measured_panel_leads_to_a_choice_and_the_choice_to_every_task(
    as_runner: Client, before: Run, after: Run
) -> None:
    assert f"/runs/{after.pk}/compare/" in as_runner.get(f"/runs/{after.pk}/").content.decode()
    choice = as_runner.get(f"/runs/{after.pk}/compare/").content.decode()
    assert f'<option value="{before.pk}">Before' in choice
    page = unescape(as_runner.get(f"/runs/{after.pk}/compare/?with={before.pk}").content.decode())
    mail = row_of(page, "mail")
    assert "100.0 % (16/16)" in mail and "0.0 % (0/16)" in mail and "80.6 – 100.0 %" in mail
    assert ">better<" in mail and ">clear<" in mail
    notes = row_of(page, "notes")
    assert ">worse<" in notes and ">clear<" not in notes
    assert ">same<" in row_of(page, "files")
    assert ">only other<" in row_of(page, "gone") and ">only this<" in row_of(page, "fresh")
    assert "infeasible, apart" in row_of(page, "cannot")
    # Sums are over what both tried and can be done: mail, notes and files.
    assert "92.3 % (24/26)" in page and "35.7 % (10/28)" in page
    for words in ("1 better", "1 worse", "1 same", "1 only this", "1 only other"):
        assert f">{words}</span>" in page
    assert '<code class="path">evaluation.attempts</code><del>4</del> → <ins>16</ins>' in page


def test_without_another_evaluation_it_says_how_to_get_one(as_runner: Client, before: Run) -> None:
    assert "no other evaluation" in as_runner.get(f"/runs/{before.pk}/compare/").content.decode()


def test_two_that_measured_nothing_in_common_say_so(as_runner: Client, before: Run, runner: User, team: Team) -> None:
    bare = titled_run(runner, team, "Bare", kind="evaluate")
    page = as_runner.get(f"/runs/{before.pk}/compare/?with={bare.pk}").content.decode()
    assert "Nothing to compare" in page


def test_only_evaluations_of_the_same_team_that_one_may_see_are_compared(
    as_runner: Client, as_stranger: Client, as_person: SignIn, before: Run, after: Run, runner: User, team: Team
) -> None:
    address = f"/runs/{after.pk}/compare/?with={before.pk}"
    assert as_stranger.get(address).status_code == 404
    assert Client().get(address).status_code == 302
    training = titled_run(runner, team, "Training")
    for wrong in (training.pk, after.pk, "nothing"):
        assert as_runner.get(f"/runs/{after.pk}/compare/?with={wrong}").status_code == 404
    assert as_runner.get(f"/runs/{training.pk}/compare/").status_code == 404


def test_an_evaluation_of_another_team_of_the_same_person_is_not_offered(
    as_runner: Client, before: Run, runner: User
) -> None:
    blues, _ = make_team("Blues")
    blues.memberships.create(user=runner, role=Role.RUNNER)
    elsewhere = evaluation(runner, blues, "Elsewhere", AFTER)
    assert "Elsewhere" not in as_runner.get(f"/runs/{before.pk}/compare/").content.decode()
    assert as_runner.get(f"/runs/{before.pk}/compare/?with={elsewhere.pk}").status_code == 404


def test_shares_and_not_counts_are_compared_and_the_clearest_stands_first() -> None:
    def sides(**counts: tuple[int, int]) -> dict[str, Rate]:
        return {task: Rate(successes=successes, attempts=attempts) for task, (successes, attempts) in counts.items()}

    ours, theirs = sides(a=(1, 2), b=(9, 9), c=(2, 2)), sides(a=(2, 4), b=(0, 9), c=(1, 2))
    found = set_of_pairs("tasks", ours, theirs)
    assert [(pair.task_id, pair.change, pair.clear) for pair in found.pairs] == [
        ("b", "better", True), ("c", "better", False), ("a", "same", False),
    ]  # fmt: skip
    assert found.here.interval == pytest.approx((0.6669, 0.9864), abs=1e-3)
