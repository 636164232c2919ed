"""OSWorld's own tasks, set up and scored by OSWorld's own code on real applications: 1 after an oracle, 0 without it.

The oracles (`configs/oracles/osworld.json`) are actions of a keyboard, and go the way of any policy's: `evaluate`, the
agent's words and grammar, a desktop of kind `xvfb`. By the same code and files as OSWorld's; that its official machine
gives the same is not verified here. Slow (some 40 seconds a task); skipped where OSWorld's tasks, its code or the
applications are missing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.xvfb import requirements
from arpo_engine.runtime.oracle import oracle_of, read_oracles
from arpo_engine.tasks import load_split
from arpo_engine.tasks.osworld.home import scoring_home
from arpo_engine.tasks.osworld.importing import ORACLES, WITH_ORACLE
from arpo_engine.tasks.osworld.task_files import files_of
from tests.engine.tasks.osworld.simulated import task_of

EXAMPLES = os.environ.get("OSWORLD_EXAMPLES", "")
needs_data = pytest.mark.skipif(not EXAMPLES, reason="OSWORLD_EXAMPLES names no folder `evaluation_examples`")


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.setenv("ARPO_DATA_DIR", str(tmp_path / "data"))
    assert main(["import-osworld", EXAMPLES]) == 0
    capsys.readouterr()
    return tmp_path / "data" / "tasks" / "osworld"


def test_every_oracle_is_a_list_of_actions() -> None:
    known = read_oracles(ORACLES)
    assert len(known) >= 20
    for name in known:
        assert oracle_of(task_of(id=name), known)


def test_a_task_s_own_oracle_goes_before_what_is_known_of_it() -> None:
    own = task_of(oracle=[{"kind": "wait"}, {"kind": "wait"}])
    assert len(oracle_of(own, {"one": [{"kind": "wait"}]})) == 2
    assert len(oracle_of(task_of(), {"one": [{"kind": "wait"}]})) == 1
    with pytest.raises(TaskError, match="has no 'oracle'"):
        oracle_of(task_of(), {})


def test_a_file_that_holds_no_oracles_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text("{", encoding="utf-8")
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    for name, says in (("torn.json", "cannot be read"), ("gone.json", "cannot be read"), ("list.json", "no oracles")):
        with pytest.raises(TaskError, match=says):
            read_oracles(tmp_path / name)


@needs_data
def test_at_least_twenty_tasks_that_need_no_file_have_an_oracle(imported: Path) -> None:
    tasks: list[Task] = load_split(imported, WITH_ORACLE)
    assert len(tasks) >= 20
    assert not any(files_of(task) or task.infeasible for task in tasks)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize(("act", "solved"), [(True, 1.0), (False, 0.0)])
def test_evaluate_solves_each_of_them_with_its_oracle_and_none_without(
    act: bool, solved: float, imported: Path, tmp_path: Path
) -> None:
    missing = requirements.missing()
    if missing:
        pytest.skip(missing)
    try:
        scoring_home()
    except TaskError as error:
        pytest.skip(str(error))
    config = {
        "kind": "evaluate",
        "title": "OSWorld's tasks, done by their oracles",
        "tasks": {"source": str(imported), "train": WITH_ORACLE, "held_out": None},
        "desktops": {"kind": "xvfb", "count": 2},
        "agent": {"kind": "ui_tars", "version": "1.5"},
        "generator": {"kind": "oracle", "file": str(ORACLES), "act": act},
        "rollout": {"max_steps": 12, "episode_timeout_s": 900},
        "evaluation": {"split": "train", "attempts": 1, "temperature": 0},
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    run = tmp_path / "run"
    assert main(["evaluate", "--config", str(tmp_path / "config.json"), "--run-dir", str(run), "--quiet"]) == 0
    scores = _scores(run)
    assert len(scores) >= 20
    assert {name: score for name, score in scores.items() if score != solved} == {}


def _scores(run: Path) -> dict[str, float | None]:
    """By task; a fault has none."""
    lines = (run / "results" / "attempts_train.jsonl").read_text(encoding="utf-8").splitlines()
    tries = [entry for entry in map(json.loads, lines) if "task_id" in entry]
    return {entry["task_id"]: entry["score"] for entry in tries}
