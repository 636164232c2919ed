"""Whole small runs with what an agent's settings change: windows of the history, several actions, another agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.events import EpisodeStepTaken, RunEnded
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import read_spool
from arpo_engine.rollout.records import read_tokens

SMALL = [
    "limits.steps=1",
    "optimizer.warmup_steps=0",
    "rollout.tasks_per_step=2",
    "rollout.group_size=2",
    "algorithm.minibatches=1",
    "desktops.count=4",
    "validation.every_steps=0",
]


def train(run_dir: Path, *words: str) -> list[Any]:
    code = main(["train", "--config", "configs/pocket_demo.yaml", *SMALL, *words, "--run-dir", str(run_dir), "--quiet"])
    assert code == 0
    return [envelope.event for envelope in read_spool(run_dir / "events.jsonl")]


def test_a_run_with_a_window_of_the_history_samples_and_learns_in_windows(tmp_path: Path):
    events = train(tmp_path, "agent.history_images=2", "agent.actions_per_reply=3")
    (ended,) = (event for event in events if isinstance(event, RunEnded))
    assert ended.outcome is RunOutcome.FINISHED
    episodes = read_tokens(tmp_path / "results" / "tokens" / "step_000001.npz").values()
    windows = [[turn["window"] for turn in turns] for turns in episodes]
    assert max(map(len, windows)) > 2, "some episode is longer than its window"
    for turns in windows:
        assert turns == [None, None, *[2] * (len(turns) - 2)][: len(turns)]


def test_a_run_with_another_agent_reads_nothing_of_what_the_pocket_policy_says(tmp_path: Path):
    events = train(tmp_path, "agent={kind: qwen_vl}")
    steps = [event for event in events if isinstance(event, EpisodeStepTaken)]
    assert len(steps) == 4
    assert all(step.action is None for step in steps)
    assert all("<tool_call>" in step.problem or "did not end" in step.problem for step in steps)


@pytest.mark.parametrize("words", [["agent.kind=psychic"], ["agent.history_images=0"], ["agent.actions_per_reply=0"]])
def test_settings_that_mean_nothing_are_refused(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code = main(["train", "--config", "configs/pocket_demo.yaml", *SMALL, *words, "--run-dir", str(tmp_path)])
    assert code == 2
    assert words[0].partition("=")[0] in capsys.readouterr().err
