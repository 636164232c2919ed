"""Finished attempts on disk: what is found again, what is tried again, and what is never mixed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from arpo_engine.contract.errors import ConfigError
from arpo_engine.evaluation.attempt_log import AttemptLog, key_of
from arpo_engine.evaluation.attempts import Attempt

TERMS = {"model": "m", "temperature": 0.5}


def attempt(slot: int = 0, score: float | None = 1.0, task: str = "t") -> Attempt:
    return Attempt(
        task_id=task, slot=slot, score=score, task_hash="h", fault=None if score is not None else "desktop_lost"
    )


def test_what_was_finished_is_found_again(tmp_path: Path):
    first = AttemptLog(tmp_path / "log.jsonl", TERMS)
    first.add(attempt(0))
    first.add(attempt(1, 0.0))
    again = AttemptLog(tmp_path / "log.jsonl", TERMS)
    assert again.finished(key_of(attempt(0))) == attempt(0)
    assert again.finished(key_of(attempt(1))) == attempt(1, 0.0)
    assert again.finished(key_of(attempt(2))) is None


def test_an_attempt_that_was_lost_to_a_fault_is_worth_another_try_and_the_last_word_counts(tmp_path: Path):
    log = AttemptLog(tmp_path / "log.jsonl", TERMS)
    log.add(attempt(0, None))
    assert log.finished(key_of(attempt(0))) is None
    log.add(attempt(0, 1.0))
    assert AttemptLog(tmp_path / "log.jsonl", TERMS).finished(key_of(attempt(0))) == attempt(0, 1.0)


def test_a_task_whose_file_was_changed_is_another_task(tmp_path: Path):
    log = AttemptLog(tmp_path / "log.jsonl", TERMS)
    log.add(attempt(0))
    assert log.finished(("t", "another hash", 0)) is None


def test_a_line_that_was_cut_off_is_passed_over_and_nothing_is_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "log.jsonl"
    log = AttemptLog(path, TERMS)
    log.add(attempt(0))
    log.add(attempt(1))
    torn = path.read_text()[:-20]
    path.write_text(torn)
    with caplog.at_level(logging.WARNING):
        again = AttemptLog(path, TERMS)
    assert "line 3" in caplog.text
    assert again.finished(key_of(attempt(0))) is not None
    again.add(attempt(1))
    assert path.read_text().startswith(torn + "\n")
    assert len(AttemptLog(path, TERMS).attempts) == 2


def test_a_file_that_a_crash_left_empty_is_begun_anew(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    path.write_text("")
    AttemptLog(path, TERMS).add(attempt(0))
    assert AttemptLog(path, TERMS).finished(key_of(attempt(0))) == attempt(0)


def test_attempts_of_other_terms_are_refused_with_both_values(tmp_path: Path):
    AttemptLog(tmp_path / "log.jsonl", TERMS).add(attempt())
    with pytest.raises(ConfigError, match=r"temperature = 0\.5, and this run has 0\.7; give another --run-dir"):
        AttemptLog(tmp_path / "log.jsonl", {**TERMS, "temperature": 0.7})


@pytest.mark.parametrize("text", ["torn", "[]\n", '{"other": 1}\n'])
def test_a_file_without_terms_is_refused_and_left_as_it_is(tmp_path: Path, text: str):
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigError, match="does not begin with the terms"):
        AttemptLog(path, TERMS)
    assert path.read_text() == text
