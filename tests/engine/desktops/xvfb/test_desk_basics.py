"""Our tasks in real applications: solved by their oracles and not by doing nothing; OSWorld's own code scores them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.agents.ui_tars import UiTarsAgent
from arpo_engine.agents.writing import write_reply
from arpo_engine.contract.actions import Fail, Finished, Hotkey, SingleAction, Wait, unfolded
from arpo_engine.contract.applications import KNOWN
from arpo_engine.contract.config.desktops import XvfbDesktopsConfig
from arpo_engine.contract.config.loading import load_config
from arpo_engine.contract.config.parts import UiTarsAgentConfig
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.real_row import RealDesktopRow
from arpo_engine.desktops.xvfb.row import build
from arpo_engine.runtime.oracle import oracle_of
from arpo_engine.tasks import load_split
from arpo_engine.tasks.osworld.applications import applications_of
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.home import scoring_home
from arpo_engine.tasks.osworld.task_files import files_of

SET = Path(__file__).resolve().parents[4] / "configs" / "tasks" / "desk_basics"
PRESET = SET.parents[1] / "desk_basics_demo.yaml"
TASKS = load_split(SET, "all")
SAMPLE = ("terminal-make-folder", "files-rename", "terminal-install-windows", "vlc-play-film")
ALL = [pytest.param(task, id=task.id, marks=[] if task.id in SAMPLE else pytest.mark.slow) for task in TASKS]
SCREEN = (1920, 1080)
FEASIBLE = [task for task in TASKS if not task.infeasible]


@pytest.fixture(scope="module")
def row() -> Iterator[RealDesktopRow]:
    try:
        scoring_home()
    except TaskError as error:
        pytest.skip(str(error))
    made = build(XvfbDesktopsConfig(spares=1), 1)
    yield made
    made.close()


def test_there_are_tasks_of_every_application_and_some_cannot_be_done() -> None:
    assert len(TASKS) >= 50
    done = Counter(one.title for task in FEASIBLE for one in applications_of(task))
    assert {one.title for one in KNOWN.values()} == set(done)
    assert min(done.values()) >= 2
    assert all(done[KNOWN[name].title] >= 3 for name in ("chrome", "calc", "impress", "gimp", "vlc", "thunderbird"))
    assert 3 <= sum(task.infeasible for task in TASKS) <= len(TASKS) // 4
    assert len({task.instruction for task in TASKS}) == len(TASKS)


def test_an_oracle_fits_into_the_steps_of_the_preset() -> None:
    config = load_config(PRESET)
    assert max(len(oracle_of(task)) for task in TASKS) < config.rollout.max_steps
    assert config.story.startswith(f"{len(TASKS)} tasks in ")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_the_words_of_an_agent_can_say_each_action_of_an_oracle(task: Task) -> None:
    agent = UiTarsAgent(UiTarsAgentConfig())
    for action in oracle_of(task):
        read = agent.parse(write_reply("next", action, agent.frame(SCREEN)), SCREEN).action
        assert read == action or (isinstance(read, Wait) and isinstance(action, Wait))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_a_task_asks_for_nothing_from_a_network_and_has_an_oracle(task: Task) -> None:
    text = task.model_dump_json()
    assert "https://" not in text
    assert text.count("http://") == text.count("http://localhost")
    assert oracle_of(task)


@pytest.mark.parametrize("task", FEASIBLE, ids=lambda task: task.id)
def test_what_has_windows_is_done_in_its_windows_and_not_in_a_terminal(task: Task) -> None:
    if KNOWN["terminal"] not in applications_of(task):
        keys = [one.keys for action in oracle_of(task) for one in unfolded(action) if isinstance(one, Hotkey)]
        assert ("ctrl", "alt", "t") not in keys


def test_files_travel_with_the_tasks_and_none_lies_there_for_nobody(tmp_path: Path) -> None:
    cache = AssetCache(tmp_path, offline=True)
    assert [path for task in TASKS for path in cache.missing(task)] == []
    named = {file.url for task in TASKS for file in files_of(task)}
    assert named == {str(path.relative_to(SET)) for path in (SET / "assets").iterdir()}
    assert sum(path.stat().st_size for path in (SET / "assets").iterdir()) < 1_000_000


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
