"""`metrics` on the command line: two runs on one table, and refusals with the cure."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from arpo_engine.cli.commands import BAD_INPUT, main


@pytest.fixture
def logs(tmp_path: Path) -> list[str]:
    (tmp_path / "old.log").write_text("step:1 - critic/score/mean:0.25\nstep:2 - critic/score/mean:0.5\n")
    (tmp_path / "new.log").write_text("step:2 - critic/score/mean:0.75 - actor/lr:1e-06\n")
    return [str(tmp_path / "old.log"), str(tmp_path / "new.log")]


def test_two_runs_are_one_table_that_is_read_again(logs: list[str], capsys, tmp_path: Path) -> None:
    assert main(["metrics", *logs]) == 0
    text = capsys.readouterr().out
    assert list(csv.reader(text.splitlines())) == [
        ["run", "step", "actor/lr", "critic/score/mean"],
        ["old", "1", "", "0.25"],
        ["old", "2", "", "0.5"],
        ["new", "2", "1e-06", "0.75"],
    ]
    (tmp_path / "both.csv").write_text(text)
    assert main(["metrics", str(tmp_path / "both.csv")]) == 0
    assert capsys.readouterr().out == text


def test_a_step_is_one_object_as_jsonl(logs: list[str], capsys) -> None:
    assert main(["metrics", logs[1], "--format", "jsonl"]) == 0
    step = {"run": "new", "step": 2, "critic/score/mean": 0.75, "actor/lr": 1e-06}
    assert json.loads(capsys.readouterr().out) == step


def test_the_table_of_names_is_printed(capsys) -> None:
    assert main(["metrics", "--table"]) == 0
    assert "| `critic/score/mean` | reward | `batch/reward` |" in capsys.readouterr().out


def test_no_source_and_a_source_that_is_not_there_are_refused_with_the_cure(capsys, tmp_path: Path) -> None:
    assert main(["metrics"]) == BAD_INPUT
    assert "give a run folder, a log or a CSV export, or --table" in capsys.readouterr().err
    assert main(["metrics", str(tmp_path / "absent")]) == BAD_INPUT
    assert "cannot read" in capsys.readouterr().err
