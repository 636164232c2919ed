"""What replay did: stays, returns, the rate of rescues and the tasks that were never solved, counted by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import Fault
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.episodes.memory import (
    History,
    Return,
    Stay,
    entries_page_visible_to,
    history_visible_to,
    returns_of_visible_to,
    tasks_visible_to,
)
from webapp.episodes.memory_figures import MEMORY_CHARTS, draw
from webapp.episodes.memory_traces import grid_of
from webapp.runs.models import Run


@pytest.fixture
def run(runner: User, team: Team) -> Run:
    """Two steps of two tasks: one is solved, remembered and rescued, the other never solved."""
    made = titled_run(runner, team)
    engine = Engine(made)
    engine.start()
    engine.group(1, 0, "easy", [0.0, 1.0, 0.0, 1.0])
    engine.group(1, 1, "hard", [0.0] * 4)
    engine.note(wire.ReplayChanged(step=1, size=2, admitted={"easy": ["a1-s1-g0-r1", "a1-s1-g0-r3"]}))
    engine.group(2, 0, "easy", [0.0] * 4, rescued_by="a1-s1-g0-r1")
    engine.group(2, 1, "hard", [0.0] * 4)
    engine.note(wire.ReplayChanged(step=2, size=1, evicted={"easy": ["a1-s1-g0-r3"]}))
    engine.episode("lost", "hard", 2, None, fault=Fault.DESKTOP_LOST)
    engine.episode("lost-again", "hard", 2, None, fault=Fault.DESKTOP_LOST)
    engine.episode("lost-again~1", "hard", 2, 0.0, retry_of="lost-again")
    engine.finish_step(2, success=0.2)
    engine.deliver()
    made.refresh_from_db()
    return made


@pytest.mark.django_db
def test_the_history_has_every_stay_and_every_return(run: Run, viewer: User, stranger: User) -> None:
    history = history_visible_to(viewer, run)
    assert sorted(history.stays, key=lambda stay: stay.evicted or 0) == [Stay("easy", 1, None), Stay("easy", 1, 2)]
    # The source was sampled by version 1 (so the engine said), the replaced one by version 2.
    assert history.returns == (Return(step=2, age=1, versions=1),)
    assert history.hopeless == Counter({1: 1, 2: 2})
    assert history.rescued == Counter({2: 1})
    assert history_visible_to(stranger, run).stays == ()


@pytest.mark.django_db
def test_the_rule_for_a_hopeless_group_is_the_runs_own(run: Run, viewer: User) -> None:
    run.config["algorithm"]["replay"]["inject_if_mean_below"] = 0.0
    # Nothing is below nothing; only the one that was rescued is known to have failed.
    assert history_visible_to(viewer, run).hopeless == Counter({2: 1})


@pytest.mark.django_db
def test_tasks_that_were_never_solved_come_first_with_what_was_lost_for_good(run: Run, viewer: User) -> None:
    hard, easy = tasks_visible_to(viewer, run)
    assert (hard.task_id, hard.successes, hard.attempts, hard.faults) == ("hard", 0, 9, 1)
    assert (easy.successes, easy.attempts, easy.last_solved) == (2, 8, 1)
    assert (easy.stock, easy.admitted, easy.evicted, easy.returns, easy.last_return) == (1, 2, 1, 1, 2)


@pytest.mark.django_db
def test_successes_come_in_pages_with_the_groups_they_came_back_to(
    run: Run, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.episodes.memory.PAGE_SIZE", 1)
    first = entries_page_visible_to(viewer, run)
    second = entries_page_visible_to(viewer, run, after=first.after)
    found = [*first.entries, *second.entries]
    assert {entry.episode_key for entry in found} == {"a1-s1-g0-r1", "a1-s1-g0-r3"} and not second.after
    returns = returns_of_visible_to(viewer, run, found)
    assert [one.group.key for one in returns["a1-s1-g0-r1"]] == ["a1-s2-g0"]
    assert "a1-s1-g0-r3" not in returns
    (gone,) = entries_page_visible_to(viewer, run, state="evicted").entries
    assert (gone.episode_key, gone.evicted_step) == ("a1-s1-g0-r3", 2)
    assert entries_page_visible_to(viewer, run, task="zebra").entries == []


def history_of(*stays: Stay, returns: tuple[Return, ...] = (), **steps: int) -> History:
    told: dict[str, Any] = {"first": 1, "last": 4, **steps}
    return History(stays=stays, returns=returns, hopeless=Counter(), rescued=Counter(), **told)


def traces(name: str, history: History) -> dict[str, Any]:
    return {trace["name"]: trace for trace in draw(MEMORY_CHARTS[name], history).figure["data"]}


STAYS = (Stay("a", 1, 3), Stay("a", 2, None), Stay("b", 3, None))


def test_the_stock_of_a_task_rises_and_falls() -> None:
    drawn = traces("stock", history_of(*STAYS))
    assert list(drawn["a"]["x"]) == [1, 2, 3, 4]
    assert list(drawn["a"]["y"]) == [1, 2, 1, 1]
    assert list(drawn["b"]["y"]) == [0, 0, 1, 1]


def test_tasks_beyond_the_first_ones_are_one_area() -> None:
    drawn = traces("stock", history_of(*(Stay(f"t{number}", 1, None) for number in range(8))))
    assert len(drawn) == 6
    assert list(drawn["3 other tasks"]["y"]) == [3, 3, 3, 3]


def test_traffic_goes_up_and_down() -> None:
    drawn = traces("traffic", history_of(*STAYS, returns=(Return(4, 2, 1), Return(4, 1, 1))))
    assert list(drawn["admitted"]["y"]) == [1, 1, 1, 0]
    assert list(drawn["evicted"]["y"]) == [0, 0, -1, 0]
    assert (list(drawn["given back"]["x"]), list(drawn["given back"]["y"])) == ([4], [2])


def test_the_hit_rate_says_its_counts_and_its_interval() -> None:
    history = History(stays=STAYS, returns=(), hopeless=Counter({1: 2, 4: 2}), rescued=Counter({4: 1}), first=1, last=4)
    drawn = traces("hits", history)
    assert list(drawn["in each step"]["text"]) == ["0.0 % (0/2)", "50.0 % (1/2)"]
    assert drawn["so far"]["text"][-1] == "25.0 % (1/4), 95 % interval 4.6 – 69.9 %"


def test_ages_and_staleness_are_training_steps() -> None:
    ages = traces("ages", history_of(*STAYS, returns=(Return(4, 2, None),)))
    assert list(ages["when given back"]["y"]) == [0, 0, 1]
    assert list(ages["remembered now"]["y"]) == [0, 1, 1]
    stale = traces("staleness", history_of(*STAYS))
    assert list(stale["mean"]["y"]) == [0.0, 0.5, 0.5, 1.5]
    assert list(stale["oldest"]["y"]) == [0, 1, 1, 2]
    assert draw(MEMORY_CHARTS["versions"], history_of(returns=(Return(4, 2, None),))).as_data()["empty"] is True


def test_a_long_run_has_a_bounded_number_of_columns_that_lose_nothing() -> None:
    history = history_of(*(Stay("a", step, step + 100) for step in range(10_000)), first=0, last=10_099)
    assert len(grid_of(history).steps) <= 300 and grid_of(history).steps[-1] == 10_099
    drawn = draw(MEMORY_CHARTS["traffic"], history).as_data()
    assert sum(drawn["figure"]["data"][0]["y"]) == 10_000
    assert drawn["note"] == "each column is 34 steps"


def test_an_empty_memory_says_why() -> None:
    for name, chart in MEMORY_CHARTS.items():
        drawn = draw(chart, history_of(first=0, last=0)).as_data()
        assert drawn["empty"] and drawn["why"] == chart.nothing, name
