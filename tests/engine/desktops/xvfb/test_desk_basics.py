"""Our tasks in real applications: solved by their oracles and not by doing nothing; OSWorld's own code scores them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.contract.actions import Fail, Finished, SingleAction, unfolded
from arpo_engine.contract.config.desktops import XvfbDesktopsConfig
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.real_row import RealDesktopRow
from arpo_engine.desktops.xvfb.row import build
from arpo_engine.runtime.oracle import oracle_of
from arpo_engine.tasks import load_split
from arpo_engine.tasks.osworld.home import scoring_home

TASKS = load_split(Path(__file__).resolve().parents[4] / "configs" / "tasks" / "desk_basics", "all")
SAMPLE = ("terminal-make-folder", "files-rename", "terminal-install-windows")
ALL = [pytest.param(task, id=task.id, marks=[] if task.id in SAMPLE else pytest.mark.slow) for task in TASKS]


@pytest.fixture(scope="module")
def row() -> Iterator[RealDesktopRow]:
    try:
        scoring_home()
    except TaskError as error:
        pytest.skip(str(error))
    made = build(XvfbDesktopsConfig(spares=1), 1)
    yield made
    made.close()


def test_there_are_tasks_of_several_applications_and_some_cannot_be_done() -> None:
    assert len(TASKS) >= 30
    assert {task.domain for task in TASKS} >= {"os", "chrome", "libreoffice_calc", "libreoffice_writer"}
    assert 3 <= sum(task.infeasible for task in TASKS) <= len(TASKS) // 4
    assert len({task.instruction for task in TASKS}) == len(TASKS)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_a_task_asks_for_nothing_from_a_network_and_has_an_oracle(task: Task) -> None:
    text = task.model_dump_json()
    assert "https://" not in text
    assert text.count("http://") == text.count("http://localhost")
    assert oracle_of(task)


@pytest.mark.parametrize("task", ALL)
def test_the_oracle_solves_it_and_doing_nothing_does_not(row: RealDesktopRow, task: Task) -> None:
    row.reset(0, task)
    assert row.score(0, Finished()) == 0.0
    row.reset(0, task)
    last: SingleAction = Finished()
    for action in (one for reply in oracle_of(task) for one in unfolded(reply)):
        last = action if isinstance(action, Fail) else Finished()
        row.step(0, action)
    assert row.score(0, last) == 1.0
