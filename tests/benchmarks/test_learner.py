"""The learner's benchmark: our side computes what is asked, unequal sides are not compared, the peer is made once."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from arpo_engine.contract.config.objective import ClipConfig
from arpo_engine.models.contexts import frame_key
from arpo_engine.models.folder import locate
from arpo_engine.models.policy import Policy
from benchmarks import trl_home
from benchmarks.learner import SMALLER, memory, refuse_unequal, summary
from benchmarks.learner_sides import Worker, marked
from benchmarks.learner_work import Work, read
from tests.engine.policies import play_many


@pytest.fixture(scope="module")
def work() -> Work:
    policy = Policy.load("builtin:pocket")
    return Work(
        checkpoint=locate("builtin:pocket"),
        trajectories=tuple(play_many(policy, [1, 2])),
        advantages=(1.0, -0.5),
        clip=ClipConfig(),
        temperature=1.0,
        group_size=2,
    )


def test_the_work_arrives_in_another_process_as_it_was(work: Work, tmp_path: Path):
    work.write(tmp_path)
    again = read(tmp_path)
    assert again.tokens == work.tokens == sum(item.computed_tokens for item in work.trajectories)
    assert again.sampled_tokens == sum(item.tokens for item in work.trajectories)
    assert [item.steps[0].reply_ids for item in again.trajectories] == [
        item.steps[0].reply_ids for item in work.trajectories
    ]


def test_marked_screenshots_are_all_distinct_and_nothing_else_has_changed(work: Work):
    first = work.trajectories[0]
    twice = replace(work, trajectories=(first, first))
    pixels = [step.pixels for item in marked(twice).trajectories for step in item.steps]
    assert len({frame_key(picture) for picture in pixels}) == len(pixels)
    assert all((picture != first.steps[0].pixels).any(-1).sum() <= 1 for picture in pixels)
    assert marked(twice).tokens == twice.tokens


def test_our_side_learns_and_gives_the_same_loss_with_other_settings(work: Work, tmp_path: Path):
    work.write(tmp_path)
    found = []
    with Worker("ours", sys.executable, tmp_path, threads=1) as worker:
        for settings in (SMALLER[0], SMALLER[-1]):
            worker.ask("prepare", settings)
            found.append(worker.ask("step"))
    for answer in found:
        refuse_unequal(found[0], answer)
        assert answer["seconds"] > 0
        assert answer["cpu_seconds"] > 0
    assert found[0]["grad_norm"] > 0


def test_a_side_that_dies_ends_the_benchmark_with_a_word(tmp_path: Path):
    # The folder holds no work.
    with (
        Worker("ours", sys.executable, tmp_path, threads=1) as worker,
        pytest.raises(SystemExit, match="the side 'ours' ended with 1"),
    ):
        worker.ask("step")


def test_two_sides_that_compute_something_else_are_not_compared():
    refuse_unequal({"loss": 1.0, "grad_norm": 2.0}, {"loss": 1.0005, "grad_norm": 2.001})
    with pytest.raises(SystemExit, match="grad_norm is 2 on our side and 3 on TRL's"):
        refuse_unequal({"loss": 1.0, "grad_norm": 2.0}, {"loss": 1.0, "grad_norm": 3.0})


def test_the_ratio_is_the_median_of_the_rounds_own(work: Work):
    def answers(*seconds: float) -> list[dict[str, float]]:
        return [{"seconds": value, "cpu_seconds": value / 2, "peak_mb": 100 * value} for value in seconds]

    found = summary(work, {"ours": answers(1.0, 2.0, 9.0), "trl": answers(3.0, 5.0, 9.0)})
    assert found["ours_tokens_per_s"] == work.tokens / 2.0
    assert found["trl_tokens_per_s"] == work.tokens / 5.0
    assert found["ratio_vs_trl"] == found["ratio_of_processor_time"] == 2.5
    assert found["ratio_by_round"] == {"lowest": 1.0, "highest": 3.0}
    assert found["peak_mb"] == {"ours": 900, "trl": 900}


def test_memory_is_measured_setting_by_setting(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    work.write(tmp_path)
    monkeypatch.setattr("benchmarks.learner.SMALLER", SMALLER[-1:])
    (found,) = memory(tmp_path, threads=1)
    assert found["settings"] == SMALLER[-1]
    assert found["added_mb"] >= 0


def test_trl_is_installed_once_and_a_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trl_home, "HOME", tmp_path)
    monkeypatch.setattr(trl_home, "DONE", tmp_path / "done")
    monkeypatch.setattr(trl_home.sys, "executable", "false")
    with pytest.raises(SystemExit, match="TRL cannot be measured"):
        trl_home.trl_python()
    (tmp_path / "done").touch()
    assert trl_home.trl_python() == tmp_path / "bin" / "python"
