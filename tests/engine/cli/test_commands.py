"""Command lines, good and bad: exit codes, sentences, and what is left in the run folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.events import CheckpointSaved, Event, PhaseChanged, RunEnded, RunStarted, StepFinished
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import read_spool
from arpo_engine.rollout.records import read_tokens

CONFIG = "configs/pocket_demo.yaml"
SMALL = [
    "limits.steps=1",
    "optimizer.warmup_steps=0",
    "rollout.tasks_per_step=2",
    "rollout.group_size=2",
    "algorithm.minibatches=1",
    "desktops.count=4",
    "validation.every_steps=0",
    "generator.max_new_tokens=4",
]


def train(run_dir: Path, *words: str) -> int:
    return main(["train", "--config", CONFIG, *SMALL, *words, "--run-dir", str(run_dir), "--quiet"])


def events(run_dir: Path, kind: type[Event]) -> list:
    return [envelope.event for envelope in read_spool(run_dir / "events.jsonl") if isinstance(envelope.event, kind)]


def test_a_run_leaves_its_whole_folder(tmp_path):
    assert train(tmp_path) == 0
    assert json.loads((tmp_path / "config.json").read_text())["limits"]["steps"] == 1
    (ended,) = events(tmp_path, RunEnded)
    assert (ended.outcome, ended.step) == (RunOutcome.FINISHED, 1)
    (started,) = events(tmp_path, RunStarted)
    assert (started.total_steps, started.desktops, started.provenance.seed) == (1, 4, 0)
    assert (tmp_path / events(tmp_path, CheckpointSaved)[-1].export_path / "model.safetensors").is_file()
    assert len(read_tokens(tmp_path / "results" / "tokens" / "step_000001.npz")) == 4
    assert list((tmp_path / "frames").glob("*/*.webp"))


def test_a_second_start_in_the_same_folder_is_the_next_attempt_and_goes_on(tmp_path):
    train(tmp_path)
    assert train(tmp_path, "limits.steps=2") == 0
    attempts = [envelope.attempt for envelope in read_spool(tmp_path / "events.jsonl")]
    assert sorted(set(attempts)) == [1, 2]
    assert events(tmp_path, RunStarted)[-1].resumed_from_step == 1
    assert [event.step for event in events(tmp_path, StepFinished)] == [1, 2]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("rollout.grup_size=4", "group_size"),
        ("algorithm.minibatches=99", "use 4 or fewer"),
        ("rollout.max_steps=40", "raise agent.max_images"),
        ("nonsense", "write it as key=value"),
        ("kind=evaluate", "use `python -m arpo_engine evaluate`"),
    ],
)
def test_bad_settings_are_named_with_the_cure(tmp_path, capsys, word: str, sentence: str):
    assert train(tmp_path / "run", word) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_missing_config_is_named(capsys):
    assert main(["train", "--config", "no/such.yaml"]) == 2
    assert "no/such.yaml" in capsys.readouterr().err


def test_a_missing_model_is_told_in_the_run_folder_too(tmp_path, capsys):
    assert train(tmp_path, "model.path=/no/such/model") == 2
    assert "/no/such/model" in capsys.readouterr().err
    (ended,) = events(tmp_path, RunEnded)
    assert ended.outcome is RunOutcome.FAILED
    assert "give a model folder or builtin:pocket" in ended.reason


def test_a_task_file_that_is_no_json_is_named_with_its_line(tmp_path, capsys):
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "train.json").write_text("[{]")
    assert train(tmp_path / "run", f"tasks.source={tasks}", "tasks.held_out=null") == 2
    assert "train.json is not JSON" in capsys.readouterr().err


def test_a_corrupt_only_checkpoint_ends_the_run_with_the_cure_and_is_left_as_it_is(tmp_path, capsys):
    train(tmp_path)
    for folder in (tmp_path / "checkpoints").glob("step_*"):
        (folder / "state.json").write_text("torn")
    assert train(tmp_path, "limits.steps=2") == 2
    assert "--no-resume" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "checkpoints").glob("step_*")) == ["step_000000", "step_000001"]


def test_a_run_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert train(tmp_path / "file" / "run") == 2
    assert "give another with --run-dir" in capsys.readouterr().err


def test_evaluate_prints_n_of_N_and_keeps_it(tmp_path, capsys):
    words = ["evaluation.tasks=3", "evaluation.attempts=2", "evaluation.split=held_out", "desktops.count=4"]
    code = main(["evaluate", "--config", CONFIG, *words, "--run-dir", str(tmp_path), "--quiet"])
    assert code == 0
    result = json.loads((tmp_path / "results" / "evaluation.json").read_text())["splits"]["held_out"]
    assert result["attempts"] + result["infeasible_attempts"] == 6
    assert f"held_out {result['successes']}/{result['attempts']}" in capsys.readouterr().out


def test_preflight_says_yes_and_no_in_json(tmp_path, capsys):
    assert main(["preflight", "--config", CONFIG, "--json", "--run-dir", str(tmp_path / "run")]) == 0
    good = json.loads(capsys.readouterr().out)
    assert good["ok"]
    assert {check["name"] for check in good["checks"]} == {
        "packages", "model", "agent", "tasks", "desktops", "disk", "memory", "plan", "processor",
    }  # fmt: skip
    assert main(["preflight", "--config", CONFIG, "--json", "model.path=/no/model", "tasks.train=none"]) == 3
    bad = json.loads(capsys.readouterr().out)
    assert {check["name"]: bool(check["cure"]) for check in bad["checks"] if check["status"] == "fail"} == {
        "model": True,
        "tasks": True,
    }


def test_preflight_says_whether_there_is_a_vllm(tmp_path, capsys, monkeypatch):
    words = ["preflight", "--config", CONFIG, "--json", "--run-dir", str(tmp_path / "run"), "generator={kind: vllm}"]
    monkeypatch.setenv("ARPO_VLLM_PYTHON", sys.executable)
    assert main(words) == 0
    assert sys.executable in capsys.readouterr().out
    monkeypatch.setenv("ARPO_VLLM_PYTHON", str(tmp_path / "none"))
    assert main(words) == 3
    (failed,) = [check for check in json.loads(capsys.readouterr().out)["checks"] if check["status"] == "fail"]
    assert failed["name"] == "vllm"


class Shell:
    """A run in a process of its own, watched by its lines."""

    def __init__(self, run_dir: Path, *words: str) -> None:
        command = [sys.executable, "-m", "arpo_engine", "train", "--config", CONFIG, *SMALL, *words]
        self.process = subprocess.Popen(
            [*command, "--run-dir", str(run_dir)], stderr=subprocess.PIPE, text=True, env={**os.environ}
        )

    def until(self, words: str) -> None:
        """Read lines until one has the words; the end of the process ends the wait."""
        for line in self.process.stderr:
            if words in line:
                return
        raise AssertionError(f"the run ended without saying {words!r}")

    def end(self) -> int:
        self.process.stderr.read()
        return self.process.wait(60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_ends_after_the_step_with_a_checkpoint(tmp_path, number: signal.Signals):
    shell = Shell(tmp_path, "limits.steps=100000")
    shell.until("step 1/")
    shell.process.send_signal(number)
    assert shell.end() == 0
    (ended,) = events(tmp_path, RunEnded)
    assert (ended.outcome, number.name in ended.reason) == (RunOutcome.STOPPED, True)
    assert ended.step >= 1
    assert events(tmp_path, CheckpointSaved)[-1].step == ended.step
    assert events(tmp_path, PhaseChanged)[-1].phase == "done"


def test_a_second_signal_ends_at_once_and_the_events_are_whole(tmp_path):
    shell = Shell(tmp_path, "limits.steps=100000", "rollout.tasks_per_step=96", "rollout.group_size=8")
    shell.until("training tasks")
    shell.until("best checkpoint")
    shell.process.send_signal(signal.SIGINT)
    shell.until("once more stops at once")
    shell.process.send_signal(signal.SIGINT)
    assert shell.end() == 130
    (ended,) = events(tmp_path, RunEnded)
    assert (ended.outcome, ended.step) == (RunOutcome.STOPPED, 0)
    assert "stopped at once" in ended.reason


def test_settings_may_stand_anywhere_and_unknown_words_may_not(tmp_path, capsys):
    words = ["train", "limits.steps=1", "--run-dir", str(tmp_path), "rollout.grup_size=3", "--config", CONFIG, "a.b=1"]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "rollout.grup_size" in told
    assert "a: " in told
    with pytest.raises(SystemExit) as ended:
        main([*words, "--no-such-option"])
    assert ended.value.code == 2


def test_equal_seeds_sample_equal_tokens_however_desktops_happen_to_share_batches(tmp_path):
    words = ["rollout.group_size=4", "desktops.count=8", "generator.max_new_tokens=16"]
    episodes = []
    for name in ("one", "other"):
        train(tmp_path / name, *words, f"generator.max_batch={8 if name == 'one' else 3}")
        tokens = read_tokens(tmp_path / name / "results" / "tokens" / "step_000001.npz")
        episodes.append({key: [turn["reply_ids"] for turn in turns] for key, turns in tokens.items()})
    assert episodes[0] == episodes[1]
