"""A clock that is set while a run goes on changes nothing: the engine measures with one that nobody can set."""

from __future__ import annotations

import ast
import itertools
import time
from pathlib import Path

import pytest

from arpo_engine.contract.events import MetricsLogged
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.trainer.state_file import read_state, write_state
from tests.engine.trainer.test_loop import run
from tests.engine.trainer.world import small_config

ENGINE = Path(__file__).parents[3] / "arpo_engine"
YEARS = 40 * 365 * 86_400.0


def test_a_run_goes_through_while_the_clock_jumps_to_and_fro(tmp_path, monkeypatch):
    now, jumps = time.time(), itertools.cycle((YEARS, -YEARS, 0.0))
    monkeypatch.setattr(time, "time", lambda: now + next(jumps))
    outcome = run(small_config(limits={"steps": 2, "minutes": 30.0}), tmp_path)
    assert (outcome.ending.outcome, outcome.ending.reason) == (RunOutcome.FINISHED, "all 2 steps are done")
    seconds = {
        key: value for event in outcome.of(MetricsLogged) for key, value in event.values.items() if "time/" in key
    }
    assert seconds
    assert all(0 <= value < 600 for value in seconds.values())


def test_a_checkpoint_is_written_by_a_machine_that_thinks_it_is_1970(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)
    write_state(tmp_path, {"blob": b"\x00"})
    assert read_state(tmp_path) == {"blob": b"\x00"}


@pytest.mark.parametrize("path", sorted(ENGINE.rglob("*.py")), ids=lambda path: path.relative_to(ENGINE).as_posix())
def test_no_duration_is_taken_from_the_clock_on_the_wall(path: Path):
    called = {
        ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    }
    assert "time.time" not in called
