from __future__ import annotations

import errno
import math
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.errors import ConfigError, SpoolError
from arpo_engine.contract.events import (
    CheckpointSaved,
    EpisodeStepTaken,
    Event,
    FrameRef,
    LogWritten,
    MetricsLogged,
    RunEnded,
)
from arpo_engine.contract.outcomes import Directive, RunOutcome
from arpo_engine.contract.reporting import EventSink, MemorySink, RunRecorder, read_spool
from arpo_engine.contract.reporting import recorder as recorder_module
from arpo_engine.contract.reporting.frames import read_frame


def note(number: int) -> LogWritten:
    return LogWritten(level="info", logger="test", message=str(number))


def recorder_in(folder: Path, attempt: int = 1) -> RunRecorder:
    return RunRecorder(folder, attempt, frames=FramesConfig())


def events_in(folder: Path) -> list[Event]:
    return [envelope.event for envelope in read_spool(folder / "events.jsonl")]


def test_what_is_emitted_stands_in_the_run_folder_in_order(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    sent = [note(number) for number in range(500)]
    for event in sent:
        recorder.emit(event)
    recorder.close()
    assert events_in(tmp_path) == sent


def test_events_of_many_threads_are_numbered_without_holes(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    threads = [
        threading.Thread(target=lambda: [recorder.emit(note(number)) for number in range(200)]) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    assert [envelope.seq for envelope in read_spool(tmp_path / "events.jsonl")] == list(range(1, 1001))


def test_numbers_that_are_none_become_null(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    values = {"nan": math.nan, "inf": math.inf, "minus": -math.inf, "one": 1.0}
    recorder.emit(MetricsLogged(step=1, values=values))
    recorder.emit(EpisodeStepTaken(episode_id="e", index=0, mean_logprob=math.nan))
    recorder.close()
    metrics, step = events_in(tmp_path)
    assert isinstance(metrics, MetricsLogged) and isinstance(step, EpisodeStepTaken)
    assert metrics.values == {"nan": None, "inf": None, "minus": None, "one": 1.0}
    assert step.mean_logprob is None


def test_a_step_carries_its_screenshot_by_hash(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    frame = recorder.store_frame(np.zeros((168, 224, 3), dtype=np.uint8))
    recorder.emit(EpisodeStepTaken(episode_id="e", index=0, frame=frame))
    recorder.emit(note(1))
    recorder.close()
    step, after = events_in(tmp_path)
    assert isinstance(step, EpisodeStepTaken) and step.frame is not None
    assert read_frame(tmp_path / "frames", step.frame.sha256) is not None
    assert after == note(1), "events keep their order while a frame is encoded"


def test_emitting_a_step_with_a_full_screen_does_not_wait_for_its_encoding(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    pixels = np.zeros((1080, 1920, 3), dtype=np.uint8)
    began = time.thread_time()
    for index in range(3):
        recorder.emit(EpisodeStepTaken(episode_id="e", index=index, frame=recorder.store_frame(pixels)))
    spent_s = time.thread_time() - began
    recorder.close()
    assert spent_s < 0.003, "one millisecond a step, where encoding one takes fifty or more"
    assert len(events_in(tmp_path)) == 3


def test_emitting_costs_the_caller_under_fifty_microseconds(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    # The garbage of all tests before this one may be collected in any of the rounds, which alone takes 0.1 s.
    rounds = []
    for _ in range(3):
        began = time.thread_time()
        for number in range(2000):
            recorder.emit(note(number))
        rounds.append((time.thread_time() - began) / 2000)
    recorder.close()
    assert min(rounds) < 50e-6


@pytest.mark.parametrize(
    "event", [RunEnded(outcome=RunOutcome.FINISHED, step=1), CheckpointSaved(step=1, path="checkpoints/1")]
)
def test_the_end_and_a_checkpoint_are_on_the_disk_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Event
) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_EVERY_S", 3600.0)
    synced = threading.Event()
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (real(descriptor), synced.set()))
    recorder = recorder_in(tmp_path)
    recorder.emit(note(1))
    recorder.emit(event)
    assert synced.wait(10.0)
    assert events_in(tmp_path) == [note(1), event]
    recorder.close()


def test_a_full_disk_stops_nothing_and_what_waited_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder_module, "RETRY_S", 0.01)
    monkeypatch.setattr(recorder_module, "MAX_QUEUED", 100)
    refused, full = threading.Event(), threading.Event()
    full.set()
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if full.is_set():
            refused.set()
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    recorder = recorder_in(tmp_path)
    recorder.emit(note(0))
    assert refused.wait(10.0)
    for number in range(1, 200):
        recorder.emit(note(number))
    full.clear()
    recorder.close()
    written = events_in(tmp_path)
    apologies = [event for event in written if isinstance(event, LogWritten) and "did not fit" in event.message]
    kept = [event for event in written if event not in apologies]
    assert kept == [note(number) for number in range(len(kept))], "the oldest are kept, in order"
    assert 100 <= len(kept) <= 101, "memory is bounded"
    assert len(apologies) == 1
    assert f"{200 - len(kept)} did not fit in memory" in apologies[0].message
    said = [record.message for record in caplog.records if "free some space" in record.message]
    assert len(said) == 1, "said once, with the cure"


def test_closing_twice_is_harmless_and_a_late_event_is_said_to_be_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = recorder_in(tmp_path)
    recorder.close()
    recorder.close()
    recorder.emit(note(1))
    assert events_in(tmp_path) == []
    assert "after the recorder was closed" in caplog.text


def test_without_a_console_the_run_just_runs(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    assert recorder.directive is Directive.RUN
    recorder.close()


def test_a_run_folder_in_use_is_refused(tmp_path: Path) -> None:
    recorder = recorder_in(tmp_path)
    with pytest.raises(SpoolError, match="another process"):
        recorder_in(tmp_path)
    recorder.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"report_to": "localhost:8000", "run_id": "r", "token": "t"}, "such as http://127.0.0.1:8000"),
        ({"report_to": "http://x", "token": "t"}, "--run-id is missing"),
        ({"report_to": "http://x", "run_id": "r"}, "ARPO_ATTEMPT_TOKEN"),
    ],
)
def test_a_console_that_cannot_be_reported_to_is_refused_before_the_run(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        RunRecorder(tmp_path, 1, frames=FramesConfig(), **settings)


def test_the_fake_keeps_events_and_frames_in_memory() -> None:
    memory = MemorySink()
    sink: EventSink = memory
    frame = sink.store_frame(np.zeros((2, 2, 3), dtype=np.uint8))
    assert isinstance(frame, FrameRef)
    sink.emit(note(1))
    sink.close()
    assert memory.events == [note(1)]
    assert list(memory.frames) == [frame.sha256]
    assert memory.closed
