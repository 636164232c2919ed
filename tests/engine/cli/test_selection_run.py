"""Choosing tasks in a real run, as a person starts it: the pocket policy, its desktops, and a kill in the middle."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from arpo_engine.cli.commands import main
from arpo_engine.contract.events import EpisodeStarted, TasksSelected
from arpo_engine.contract.reporting import read_spool

WORDS = [
    "train", "--config", "configs/pocket_demo.yaml", "tasks.limit=6", "tasks.selection={kind: learnable, attempts: 8}",
    "desktops.count=2", "validation.every_steps=0", "rollout.tasks_per_step=2", "rollout.group_size=2",
    "algorithm.minibatches=1", "limits.steps=1", "optimizer.warmup_steps=0",
]  # fmt: skip


def finished(run_dir: Path) -> list[tuple[str, int]]:
    """(task, slot) of each whole line of the log of tries."""
    text = (run_dir / "results" / "attempts_selection.jsonl").read_text()
    tries = [json.loads(line) for line in text.splitlines()[1:] if line.endswith("}")]
    return [(attempt["task_id"], attempt["slot"]) for attempt in tries]


def begun(run_dir: Path, attempt: int) -> int:
    events = [line.event for line in read_spool(run_dir / "events.jsonl") if line.attempt == attempt]
    return sum(isinstance(event, EpisodeStarted) and event.split == "selection" for event in events)


def until_the_first_try_is_over(shell: subprocess.Popen[str], run_dir: Path) -> None:
    """By its line in the log: what the terminal is told comes every few seconds only, when all may be over."""
    tries, patience = run_dir / "results" / "attempts_selection.jsonl", time.monotonic() + 120
    while not (tries.is_file() and tries.read_bytes().count(b"\n") > 1):
        assert shell.poll() is None and time.monotonic() < patience
        time.sleep(0.01)


def test_a_run_that_was_killed_while_it_chose_its_tasks_repeats_no_finished_try(tmp_path: Path, capfd):
    command = [sys.executable, "-m", "arpo_engine", *WORDS, "--run-dir", str(tmp_path)]
    shell = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until_the_first_try_is_over(shell, tmp_path)
    shell.send_signal(signal.SIGKILL)
    shell.communicate(timeout=120)
    assert shell.returncode == -signal.SIGKILL
    before = finished(tmp_path)
    assert 0 < len(before) < 48
    assert main([*WORDS, "--run-dir", str(tmp_path)]) == 0
    assert begun(tmp_path, 2) == 48 - len(before)
    assert sorted(finished(tmp_path)) == sorted(set(finished(tmp_path)))
    (told,) = [line.event for line in read_spool(tmp_path / "events.jsonl") if isinstance(line.event, TasksSelected)]
    assert [task.attempts for task in told.choice.tasks] == [8] * 6
    said = capfd.readouterr().err
    chosen = told.choice.chosen
    assert f"{len(chosen)} of 6 tasks chosen" in said
    assert f"{chosen[0].task_id}  {chosen[0].successes}/8" in said
    assert "every task with its verdict: results/selection.json" in said
    kept = json.loads((tmp_path / "results" / "selection.json").read_text())["choice"]
    assert kept == told.choice.model_dump(mode="json")
