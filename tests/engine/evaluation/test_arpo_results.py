"""ARPO's own `eval_results_at_N.json`, whole and not."""

from __future__ import annotations

from pathlib import Path

import pytest

from arpo_engine.contract.errors import ConfigError
from arpo_engine.evaluation.arpo_results import find_arpo, read_arpo
from tests.engine.fakes import make_task


def test_scores_are_read_with_their_step_and_what_the_tasks_say(tmp_path: Path):
    path = tmp_path / "eval_results_at_24.json"
    path.write_text('{"a": 1.0, "b": 0.25, "never": 1}')
    read = read_arpo(path, {"never": make_task("never", infeasible=True)})
    assert read.step == 24
    assert [(one.task_id, one.score, one.infeasible) for one in read.attempts] == [
        ("a", 1.0, False), ("b", 0.25, False), ("never", 1.0, True),
    ]  # fmt: skip


def test_all_measurements_of_a_folder_are_found_in_the_order_of_their_steps(tmp_path: Path):
    for step in (8, 16, 0):
        (tmp_path / f"eval_results_at_{step}.json").write_text("{}")
    (tmp_path / "eval_results_at_x.json").write_text("{}")
    assert [path.name for path in find_arpo(tmp_path)] == [f"eval_results_at_{step}.json" for step in (0, 8, 16)]


def test_a_score_that_is_none_is_named_and_the_others_count(tmp_path: Path):
    path = tmp_path / "eval_results_at_8.json"
    path.write_text('{"a": 1.0, "b": null, "c": NaN, "d": "1", "e": 2}')
    read = read_arpo(path)
    assert [one.task_id for one in read.attempts] == ["a"]
    assert len(read.problems) == 4
    assert "the score of b is null" in read.problems[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [('{"a": 1.0, "b"', "cut off while it was written"), ("[1]", "holds no task ids"), ("{}", "holds no")],
)
def test_what_is_no_such_file_is_refused_with_the_cure(tmp_path: Path, text: str, sentence: str):
    path = tmp_path / "eval_results_at_8.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        read_arpo(path)
    assert path.read_text() == text


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot read"):
        read_arpo(tmp_path / "eval_results_at_1.json")
