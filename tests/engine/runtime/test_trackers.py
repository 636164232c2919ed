"""Each tracker for real, without a network: what it wrote is read back."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.runtime.mirrors import wandb_mode
from arpo_engine.runtime.mirrors.base import TrackedRun
from arpo_engine.runtime.mirrors.console import ConsoleTracker

SETTINGS = {"optimizer.lr": 1e-6, "model.path": "builtin:pocket", "tasks.limit": None, "story": "x" * 9_000}


def tracked(folder: Path, *, kept: str | None = None, resumed_from: int | None = None) -> TrackedRun:
    return TrackedRun(
        folder=folder, project="gui", name="a run", settings=SETTINGS, kept=kept, resumed_from=resumed_from
    )


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MLFLOW_TRACKING_URI", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("NETRC", str(tmp_path / "no netrc"))


def test_the_console_prints_verls_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tracker = ConsoleTracker()
    tracker.open(tracked(tmp_path))
    tracker.log(12, {"critic/score/mean": 0.25, "actor/lr": 1e-6})
    tracker.close(RunOutcome.FINISHED)
    assert capsys.readouterr().out == "step:12 - critic/score/mean:0.25 - actor/lr:1e-06\n"


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    """TensorBoard's event files: (length, checksum, event, checksum), one after the other."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    found: list[tuple[str, int, float]] = []
    for path in sorted(folder.glob("events.*")):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            event = Event.FromString(data[place + 12 : place + 12 + length])
            place += 16 + length
            if event.HasField("session_log") and event.session_log.status == SessionLog.START:
                found = [row for row in found if row[1] < event.step]
            found += [
                (value.tag, event.step, value.simple_value)
                for value in event.summary.value
                if not value.HasField("tensor")
            ]
    return found


def test_tensorboards_files_hold_every_step_and_forget_those_that_are_done_again(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from arpo_engine.runtime.mirrors.tensorboard_files import TensorBoardTracker

    first = TensorBoardTracker()
    kept = first.open(tracked(tmp_path))
    for step in (1, 2, 3):
        first.log(step, {"critic/score/mean": step / 4})
    first.close(None)
    assert scalars(tmp_path / "tensorboard") == [("critic/score/mean", step, step / 4) for step in (1, 2, 3)]
    second = TensorBoardTracker()
    second.open(tracked(tmp_path, kept=kept, resumed_from=1))
    second.log(2, {"critic/score/mean": 9.0})
    second.close(RunOutcome.FINISHED)
    assert scalars(tmp_path / "tensorboard") == [("critic/score/mean", 1, 0.25), ("critic/score/mean", 2, 9.0)]


def test_mlflow_keeps_one_run_over_a_resume_in_files_below_the_run_folder(tmp_path: Path, no_network: None) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    from arpo_engine.runtime.mirrors.mlflow_runs import MlflowTracker

    first = MlflowTracker()
    kept = first.open(tracked(tmp_path))
    first.log(1, {"critic/score/mean": 0.5, "timing_s/step": 3.0})
    first.close(None)
    client = MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    assert client.get_run(kept).info.status == "FAILED"
    second = MlflowTracker()
    assert second.open(tracked(tmp_path, kept=kept, resumed_from=1)) == kept
    second.log(2, {"critic/score/mean": 0.75})
    second.close(RunOutcome.FINISHED)
    run = client.get_run(kept)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "a run")
    assert run.data.params["optimizer.lr"] == "1e-06" and len(run.data.params["story"]) == 6_000
    history = client.get_metric_history(kept, "critic/score/mean")
    assert sorted((point.step, point.value) for point in history) == [(1, 0.5), (2, 0.75)]
    assert client.get_experiment(run.info.experiment_id).name == "gui"


def test_mlflow_begins_a_run_of_its_own_where_the_old_one_is_gone(tmp_path: Path, no_network: None) -> None:
    pytest.importorskip("mlflow")
    from arpo_engine.runtime.mirrors.mlflow_runs import MlflowTracker

    tracker = MlflowTracker()
    opened = tracker.open(tracked(tmp_path, kept="0" * 32, resumed_from=1))
    tracker.close(None)
    assert opened != "0" * 32


WANDB_TWICE = """
import pathlib, sys
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.runtime.mirrors.base import TrackedRun
from arpo_engine.runtime.mirrors.wandb_runs import WandbTracker

folder = pathlib.Path(sys.argv[1])
run = dict(folder=folder, project="gui", name="a run", settings={"optimizer.lr": 1e-6})
first = WandbTracker()
kept = first.open(TrackedRun(**run, kept=None, resumed_from=None))
first.log(1, {"critic/score/mean": 0.5})
first.log(2, {"critic/score/mean": 0.75})
first.log(2, {"val/reward_score": 0.25})
first.close(None)
second = WandbTracker()
assert second.open(TrackedRun(**run, kept=kept, resumed_from=2)) == kept
second.log(3, {"critic/score/mean": 1.0})
second.close(RunOutcome.FINISHED)
print(kept)
"""


def records(data: bytes) -> Iterator[bytes]:
    """The records of a .wandb file: 7 bytes of header, then LevelDB's log in blocks of 32 KiB."""
    whole, place, end = b"", 7, len(data)
    while place < end:
        block_left = 2**15 - place % 2**15
        if block_left < 7:
            place += block_left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a record that fits, or the last part of one
            yield whole
            whole = b""


def history(folder: Path) -> list[tuple[int, dict[str, str]]]:
    """The history rows of W&B's offline files, oldest first: (step, numbers as JSON)."""
    from wandb.proto.wandb_internal_pb2 import Record

    rows: list[tuple[int, dict[str, str]]] = []
    for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb"), key=os.path.getmtime):
        for data in records(path.read_bytes()):
            record = Record.FromString(data)
            if record.WhichOneof("record_type") == "history":
                items = {item.key or "/".join(item.nested_key): item.value_json for item in record.history.item}
                rows.append((record.history.step.num, {key: value for key, value in items.items() if key[0] != "_"}))
    return rows


def test_wandb_keeps_one_run_over_a_resume_in_its_offline_files(tmp_path: Path, no_network: None) -> None:
    pytest.importorskip("wandb")
    done = subprocess.run(
        [sys.executable, "-c", WANDB_TWICE, str(tmp_path)], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    kept = done.stdout.split()[-1]
    files = sorted(tmp_path.glob(f"wandb/offline-run-*/run-{kept}.wandb"))
    assert len(files) == 2
    assert history(tmp_path) == [
        (1, {"critic/score/mean": "0.5"}),
        (2, {"critic/score/mean": "0.75", "val/reward_score": "0.25"}),
        (3, {"critic/score/mean": "1"}),
    ]


def test_wandb_never_asks_for_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None) -> None:
    monkeypatch.delenv("WANDB_MODE")
    assert wandb_mode.mode() == "offline"
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.wandb.ai login user password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert wandb_mode.mode() is None
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    assert wandb_mode.mode() == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    assert wandb_mode.mode() is None
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert wandb_mode.mode() is None


SERVER_AWAY = """
import pathlib, sys, threading
from arpo_engine.contract.config import parse_config
from arpo_engine.contract.events import MetricsLogged, Provenance, RunEnded, RunStarted
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.runtime.mirrors import sink, with_mirrors

sink.CLOSE_S = 1.0
config = parse_config({"records": {"mirrors": ["wandb"]}})
mirrored = with_mirrors(MemorySink(), config, pathlib.Path(sys.argv[1]), say=print, quiet=False)
mirrored.emit(RunStarted(run_kind="train", total_steps=1, provenance=Provenance(config_hash="", seed=0)))
mirrored.emit(MetricsLogged(step=1, values={"train/success": 0.5}))
while not list(pathlib.Path(sys.argv[1]).glob("mirrors/wandb/run-*/logs/debug.log")):
    threading.Event().wait(0.05)
mirrored.emit(RunEnded(outcome=RunOutcome.FINISHED, step=1))
mirrored.close()
"""


def test_a_wandb_server_that_is_away_does_not_keep_a_run_from_ending(tmp_path: Path, no_network: None) -> None:
    """Left to itself W&B would try for a minute or more when Python ends."""
    pytest.importorskip("wandb")
    away = {"WANDB_MODE": "online", "WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", SERVER_AWAY, str(tmp_path)],
        env={**os.environ, **away},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    assert "wandb did not take the numbers of 1 of 1 steps; it did not end in time and was left" in done.stdout
    assert "Traceback" not in done.stderr
