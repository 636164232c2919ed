"""A tracker may hang, raise or be missing: the run does not notice, and people are told once what was not taken."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.contract.config import RunConfig, parse_config
from arpo_engine.contract.errors import ConfigError, SetupFailed
from arpo_engine.contract.events import LogWritten, MetricsLogged, Provenance, RunEnded, RunStarted
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.runtime.mirrors import mirror, registry, sink, with_mirrors
from arpo_engine.runtime.mirrors.base import TrackedRun
from arpo_engine.runtime.mirrors.sink import MirroringSink


class Recording:
    """Keeps what it is told."""

    takes_back = False

    def __init__(self) -> None:
        self.runs: list[TrackedRun] = []
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.outcome: Any = "open"
        self.abandoned = False

    def open(self, run: TrackedRun) -> str:
        self.runs.append(run)
        return run.kept or f"run-{len(self.runs)}"

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self.logged.append((step, dict(numbers)))

    def close(self, outcome: RunOutcome | None) -> None:
        self.outcome = outcome

    def abandon(self) -> None:
        self.abandoned = True


class Raising(Recording):
    """Refuses every second step."""

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        if step % 2:
            raise ConnectionError("the server is\naway")
        super().log(step, numbers)


class Hanging(Recording):
    """Takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self.let_go.wait(60)
        super().log(step, numbers)


def config(*mirrors: str, **records: Any) -> RunConfig:
    return parse_config({"title": "A run", "records": {"mirrors": list(mirrors), **records}})


def started(resumed_from: int | None = None) -> RunStarted:
    provenance = Provenance(config_hash="", seed=0)
    return RunStarted(run_kind="train", total_steps=9, resumed_from_step=resumed_from, provenance=provenance)


def mirrored(
    run_dir: Path,
    tracker: Any,
    monkeypatch: pytest.MonkeyPatch,
    *,
    settings: RunConfig | None = None,
) -> tuple[MirroringSink, MemorySink, list[str]]:
    """A sink whose only tracker is this one, or what `tracker` raises when it is made."""
    build: Callable[[str], Any] = tracker if callable(tracker) else lambda kind: tracker
    monkeypatch.setattr(sink, "build_tracker", build)
    inner, said = MemorySink(), list[str]()
    made = with_mirrors(inner, settings or config("wandb"), run_dir, say=said.append, quiet=False)
    assert isinstance(made, MirroringSink)
    return made, inner, said


def steps(made: MirroringSink, *numbers: int, resumed_from: int | None = None) -> None:
    made.emit(started(resumed_from))
    for number in numbers:
        made.emit(MetricsLogged(step=number, values={"train/success": number / 10, "train/loss": float("nan")}))
    made.emit(RunEnded(outcome=RunOutcome.FINISHED, step=numbers[-1]))
    made.close()


def test_without_mirrors_the_sink_is_the_one_that_was_there(tmp_path: Path) -> None:
    inner = MemorySink()
    assert with_mirrors(inner, config(), tmp_path, say=print, quiet=False) is inner
    assert with_mirrors(inner, config("console"), tmp_path, say=print, quiet=True) is inner


def test_a_tracker_gets_the_settings_every_step_and_how_the_run_ended(tmp_path, monkeypatch) -> None:
    tracker = Recording()
    settings = config("wandb", project="gui", run_name="mine")
    made, inner, said = mirrored(tmp_path, tracker, monkeypatch, settings=settings)
    steps(made, 1, 2)
    (run,) = tracker.runs
    assert (run.project, run.name, run.folder) == ("gui", "mine", tmp_path / "mirrors")
    assert run.settings["optimizer.lr"] == 2.5e-4 and run.settings["records.mirrors"] == "['wandb']"
    assert tracker.logged == [(1, {"train/success": 0.1}), (2, {"train/success": 0.2})]
    assert tracker.outcome is RunOutcome.FINISHED
    assert inner.closed and said == []
    assert [event.kind for event in inner.events] == ["RunStarted", "MetricsLogged", "MetricsLogged", "RunEnded"]


def test_a_tracker_that_hangs_never_delays_an_event_and_what_it_did_not_take_is_counted(tmp_path, monkeypatch) -> None:
    tracker = Hanging()
    monkeypatch.setattr(mirror, "MAX_WAITING", 50)
    monkeypatch.setattr(sink, "CLOSE_S", 0.2)
    made, inner, said = mirrored(tmp_path, tracker, monkeypatch)
    began = time.monotonic()
    steps(made, *range(1, 2_001))
    assert time.monotonic() - began < 10.0
    assert len([event for event in inner.events if isinstance(event, MetricsLogged)]) == 2_000
    assert said == [
        "wandb did not take the numbers of 2000 of 2000 steps; it did not end in time and was left; the run's own "
        "events have them all"
    ]
    assert [event.message for event in inner.events if isinstance(event, LogWritten)] == said
    assert tracker.abandoned
    tracker.let_go.set()


def test_a_tracker_that_raises_is_told_of_once_and_its_losses_are_counted(tmp_path, monkeypatch) -> None:
    tracker = Raising()
    made, inner, said = mirrored(tmp_path, tracker, monkeypatch)
    steps(made, 1, 2, 3, 4)
    assert [step for step, _ in tracker.logged] == [2, 4]
    assert said == [
        "wandb does not take this run's numbers: the server is away. The run goes on without it",
        "wandb did not take the numbers of 2 of 4 steps; the run's own events have them all",
    ]
    assert inner.closed


def test_a_key_in_an_address_is_not_told(tmp_path, monkeypatch) -> None:
    def refuse(kind: str) -> Any:
        raise ConnectionError("cannot reach https://me:secret@mlflow.example.org/api")

    made, _, said = mirrored(tmp_path, refuse, monkeypatch)
    steps(made, 1)
    assert "https://…@mlflow.example.org/api" in said[0] and "secret" not in " ".join(said)


def test_a_package_that_is_missing_is_named_with_the_command_and_the_run_goes_on(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    made, _, said = mirrored(tmp_path, registry.build_tracker, monkeypatch)
    steps(made, 1)
    assert "the package wandb is not installed; run `" in said[0]
    assert "-m pip install --require-hashes -r requirements/mirrors.txt`" in said[0]
    assert said[1].startswith("wandb did not take the numbers of 1 of 1 steps")
    with pytest.raises(SetupFailed, match="mlflow-skinny is not installed"):
        registry.build_tracker("mlflow")


def test_a_resumed_run_goes_on_in_the_same_place_and_never_sends_a_step_again(tmp_path, monkeypatch) -> None:
    first = Recording()
    made, _, _ = mirrored(tmp_path, first, monkeypatch)
    steps(made, 1, 2, 3)
    second = Recording()
    made, _, said = mirrored(tmp_path, second, monkeypatch)
    steps(made, 2, 3, 4, resumed_from=1)
    assert second.runs[0].kept == "run-1"
    assert [step for step, _ in second.logged] == [4]
    assert said == [
        "wandb has steps up to 3 of an earlier attempt and cannot take them back; this one goes on from step 1 and is "
        "mirrored from step 4"
    ]


def test_a_tracker_that_takes_steps_back_gets_them_again(tmp_path, monkeypatch) -> None:
    made, _, _ = mirrored(tmp_path, Recording(), monkeypatch)
    steps(made, 1, 2, 3)
    second = Recording()
    second.takes_back = True
    made, _, said = mirrored(tmp_path, second, monkeypatch)
    steps(made, 2, 3, resumed_from=1)
    assert [step for step, _ in second.logged] == [2, 3] and said == []


def test_a_run_that_begins_anew_in_the_same_folder_is_another_one_for_the_tracker(tmp_path, monkeypatch) -> None:
    made, _, _ = mirrored(tmp_path, Recording(), monkeypatch)
    steps(made, 1, 2)
    second = Recording()
    made, _, _ = mirrored(tmp_path, second, monkeypatch)
    steps(made, 1, 2)
    assert second.runs[0].kept is None
    assert [step for step, _ in second.logged] == [1, 2]


def test_a_note_that_nobody_can_read_begins_a_run_of_its_own(tmp_path, monkeypatch) -> None:
    (tmp_path / "mirrors").mkdir()
    (tmp_path / "mirrors" / "wandb.json").write_text("{torn")
    tracker = Recording()
    made, _, said = mirrored(tmp_path, tracker, monkeypatch)
    steps(made, 5, resumed_from=4)
    assert tracker.runs[0].kept is None and [step for step, _ in tracker.logged] == [5]
    assert json.loads((tmp_path / "mirrors" / "wandb.json").read_text()) == {"run": "run-1", "last_step": 5}
    assert said == []


def test_names_of_the_published_code_are_sent_where_they_are_asked_for(tmp_path, monkeypatch) -> None:
    tracker = Recording()
    made, _, _ = mirrored(tmp_path, tracker, monkeypatch, settings=config("wandb", metric_names="both"))
    made.emit(started())
    made.emit(MetricsLogged(step=1, values={"batch/reward": 0.5, "train/lr": 1e-6}))
    made.close()
    ((_, numbers),) = tracker.logged
    assert numbers["batch/reward"] == numbers["critic/score/mean"] == 0.5
    assert numbers["actor/lr"] == 1e-6
    assert tracker.outcome is None


def test_one_tracker_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="wandb more than once"):
        config("wandb", "wandb")
