"""The matrix of tasks: its cells and what they open, its orders, who may see which runs, and the way to a new run."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import EndedBy, Fault, Split
from tests.web.builders import envelopes
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.api.ingest import ingest
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


def tried(owner: User, team: Team, name: str, tasks: dict[str, list[float | None]], **config: Any) -> Run:
    """A run that tried these tasks; None is a try that was lost to a fault."""
    run = titled_run(owner, team, name, **config)
    engine = Engine(run)
    engine.start()
    split = Split.EVALUATION if run.kind == "evaluate" else Split.TRAIN
    for task, scores in tasks.items():
        for place, score in enumerate(scores):
            fault = Fault.DESKTOP_LOST if score is None else None
            engine.episode(f"{task}-{place}", task, 1, score, split=split, fault=fault)
    engine.deliver()
    return run


@pytest.fixture
def old(runner: User, team: Team) -> Run:
    return tried(runner, team, "Old", {"mail": [1, 1, 1, 1], "notes": [0, 1], "files": [0, 0, None], "never": [0]})


@pytest.fixture
def new(runner: User, team: Team) -> Run:
    return tried(runner, team, "New", {"mail": [0, 0, 0, 0], "notes": [1, 0], "files": [0, 0], "fresh": [1]})


def page_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return unescape(answer.content.decode())


def rows_of(page: str) -> list[str]:
    """The tasks in the order of the page."""
    return [part.split('"')[0] for part in page.split('name="task" value="')[1:]]


def test_each_cell_says_successes_of_tries_and_opens_its_episodes(as_runner: Client, old: Run, new: Run) -> None:
    page = page_of(as_runner, f"/tasks/?runs={old.pk},{new.pk}")
    address = f"/runs/{old.pk}/episodes/?task_id=mail&split=train"
    assert f'href="{address}" title="100.0 % (4/4), 95 % interval 51.0 – 100.0 %"' in page
    assert page_of(as_runner, address).count("/episodes/mail-") == 4
    assert "0/2" in page and "1 lost to infrastructure faults" in page
    assert "not tried" in page


def test_without_runs_in_the_address_the_newest_of_the_team_are_shown(as_runner: Client, old: Run, new: Run) -> None:
    page = page_of(as_runner, "/tasks/")
    assert "5 tasks, 2 runs" in page
    # Time goes from left to right.
    assert page.index(f'title="Old ({old.pk})"') < page.index(f'title="New ({new.pk})"')


@pytest.mark.parametrize(
    ("order", "first"),
    [("disagreement", "mail"), ("regression", "mail"), ("variance", "notes"), ("never_solved", "files"),
     ("task", "files")],
)  # fmt: skip
def test_rows_stand_in_the_order_that_is_asked_for(
    as_runner: Client, old: Run, new: Run, order: str, first: str
) -> None:
    assert rows_of(page_of(as_runner, f"/tasks/?runs={old.pk},{new.pk}&sort={order}"))[0] == first


def test_sums_say_which_tasks_can_be_compared(as_runner: Client, old: Run, new: Run) -> None:
    page = page_of(as_runner, f"/tasks/?runs={old.pk},{new.pk}")
    # mail, notes and files: 5 of 8 and 1 of 8.
    assert "The 3 that all of them tried" in page and "compare these" in page
    assert '<b>62.5 %</b><span class="muted">5/8</span>' in page
    assert '<b>12.5 %</b><span class="muted">1/8</span>' in page


def test_infrastructure_faults_are_left_out_or_count_as_failures_and_the_page_says_which(
    as_runner: Client, old: Run
) -> None:
    out = page_of(as_runner, f"/tasks/?runs={old.pk}")
    assert "infrastructure faults left out." in out and "0.0 % (0/2)" in out
    counted = page_of(as_runner, f"/tasks/?runs={old.pk}&faults=in")
    assert "infrastructure faults count as failures." in counted and "0.0 % (0/3)" in counted
    assert "hatched" in out and "hatched" in counted


def test_infeasible_tasks_stand_apart_and_are_in_no_sum(as_runner: Client, runner: User, team: Team) -> None:
    run = tried(runner, team, "Both kinds", {"mail": [1]})
    attempt = run.attempts.get()
    begun = wire.EpisodeStarted(
        episode_id="x", task_id="cannot", instruction="?", infeasible=True, split=Split.TRAIN, step=1, desktop="d"
    )
    ended = wire.EpisodeEnded(episode_id="x", ended_by=EndedBy.FAILED_BY_AGENT, score=0.0)
    ingest(attempt, envelopes([begun, ended], first_seq=attempt.last_seq + 1))
    page = page_of(as_runner, f"/tasks/?runs={run.pk}")
    assert "1 task, 1 run" in page
    assert page.index("Infeasible tasks, apart") < page.index('value="cannot"')
    assert '<b>100.0 %</b><span class="muted">1/1</span>' in page
