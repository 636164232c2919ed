from __future__ import annotations

import json
import logging
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.events import EpisodeStepTaken, LogWritten
from arpo_engine.contract.outcomes import Directive
from arpo_engine.contract.reporting import RunRecorder
from arpo_engine.contract.reporting import outbox as outbox_module
from arpo_engine.contract.reporting import recorder as recorder_module
from arpo_engine.contract.reporting import reporter as reporter_module
from arpo_engine.contract.reporting.frames import frame_path
from tests.contract.reporting.conftest import RUN_ID, TOKEN, ConsoleUnderTest


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same behaviour with shorter waits."""
    monkeypatch.setattr(reporter_module, "GATHER_S", 0.01)
    monkeypatch.setattr(reporter_module, "FIRST_RETRY_S", 0.02)
    monkeypatch.setattr(reporter_module, "LAST_RETRY_S", 0.1)
    monkeypatch.setattr(reporter_module, "HEARTBEAT_S", 0.1)


def note(number: int, size: int = 0) -> LogWritten:
    return LogWritten(level="info", logger="test", message=f"{number}{'x' * size}")


@pytest.fixture
def said() -> Iterator[Callable[[str], threading.Event]]:
    """An event that is set when the reporter logs these words."""
    listeners: list[Listener] = []

    def listen(words: str) -> threading.Event:
        listeners.append(Listener(words))
        reporter_module.log.addHandler(listeners[-1])
        return listeners[-1].heard

    yield listen
    for listener in listeners:
        reporter_module.log.removeHandler(listener)


class Listener(logging.Handler):
    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.heard = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self.heard.set()


@contextmanager
def reporting(folder: Path, console: ConsoleUnderTest, attempt: int = 1, token: str = TOKEN) -> Iterator[RunRecorder]:
    recorder = RunRecorder(folder, attempt, frames=FramesConfig(), report_to=console.url, run_id=RUN_ID, token=token)
    try:
        yield recorder
    finally:
        recorder.close()


def messages(console: ConsoleUnderTest, attempt: int = 1) -> list[str]:
    return [envelope["event"]["message"] for key, envelope in sorted(console.events.items()) if key[0] == attempt]


def test_events_arrive_once_and_in_order(tmp_path: Path, console: ConsoleUnderTest) -> None:
    with reporting(tmp_path, console) as recorder:
        for number in range(1200):
            recorder.emit(note(number))
    assert messages(console) == [str(number) for number in range(1200)]
    assert console.deliveries == [(1, seq) for seq in range(1, 1201)]


def test_requests_carry_the_token_and_large_ones_are_compressed(tmp_path: Path, console: ConsoleUnderTest) -> None:
    with reporting(tmp_path, console) as recorder:
        recorder.emit(note(0))
        console.wait_for(lambda: (1, 1) in console.events)
        recorder.emit(note(1, size=20_000))
    (method, path, headers), (_, second, _), *_ = console.requests
    assert (method, path) == ("POST", f"/api/v1/runs/{RUN_ID}/events?frames=all")
    assert second == f"/api/v1/runs/{RUN_ID}/events"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/x-ndjson"
    assert "Content-Encoding" not in headers
    assert any(headers.get("Content-Encoding") == "gzip" for _, _, headers in console.requests)
    assert messages(console)[1] == "1" + "x" * 20_000


def test_a_console_that_goes_away_and_comes_back_misses_nothing_and_doubles_nothing(
    tmp_path: Path, console: ConsoleUnderTest, said: Callable[[str], threading.Event], caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(7)
    away = said("the console is away")
    with reporting(tmp_path, console) as recorder:
        number = 0
        for _ in range(3):
            for _ in range(chance.randint(50, 300)):
                recorder.emit(note(number))
                number += 1
            console.wait_for(lambda: bool(console.events))
            console.leave()
            for _ in range(chance.randint(50, 300)):
                recorder.emit(note(number))
                number += 1
            assert away.wait(20.0)
            console.open()
        console.wait_for(lambda: console.last_seq(1) == number)
    assert messages(console) == [str(n) for n in range(number)]
    assert "kept in" in caplog.text and "shipped when it is back" in caplog.text


def test_a_batch_whose_answer_got_lost_is_sent_again_under_the_same_numbers(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    lost: list[int] = []

    def keep_but_break(lines: list[dict[str, Any]], body: bytes) -> tuple[int, dict[str, Any]] | None:
        if not lines or lost:
            return None
        lost.append(len(lines))
        for envelope in lines:
            console.events[(envelope["attempt"], envelope["seq"])] = envelope
        return 502, {"detail": "the answer was lost on the way"}

    console.refuse = keep_but_break
    with reporting(tmp_path, console) as recorder:
        for number in range(20):
            recorder.emit(note(number))
    assert lost
    assert messages(console) == [str(number) for number in range(20)]


def test_a_slow_console_does_not_slow_emit(tmp_path: Path, console: ConsoleUnderTest) -> None:
    console.may_answer.clear()
    with reporting(tmp_path, console) as recorder:
        recorder.emit(note(0))
        began = time.thread_time()
        for number in range(1, 1000):
            recorder.emit(note(number))
        spent_s = time.thread_time() - began
        assert not console.answered, "the console answers only after the last of them"
        console.may_answer.set()
        assert spent_s < 0.05
    assert console.last_seq(1) == 1000


def test_what_an_earlier_attempt_could_not_ship_is_shipped_by_the_next(
    tmp_path: Path, console: ConsoleUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "CLOSE_S", 0.2)
    console.leave()
    with reporting(tmp_path, console) as recorder:
        recorder.emit(note(1))
        recorder.emit(note(2))
    console.open()
    monkeypatch.setattr(recorder_module, "CLOSE_S", 15.0)
    with reporting(tmp_path, console, attempt=2) as recorder:
        recorder.emit(note(3))
    assert messages(console, 1) == ["1", "2"]
    assert messages(console, 2) == ["3"]
    assert console.batches == [[(1, 1), (1, 2)], [(2, 1)]], "a batch is of one attempt, so that its answer is too"


def test_lines_that_were_shipped_are_not_sent_again_after_a_restart(tmp_path: Path, console: ConsoleUnderTest) -> None:
    with reporting(tmp_path, console) as recorder:
        recorder.emit(note(1))
    with reporting(tmp_path, console) as recorder:
        recorder.emit(note(2))
    assert console.deliveries == [(1, 1), (1, 2)]


def test_a_lost_mark_only_costs_lines_that_the_console_ignores(tmp_path: Path, console: ConsoleUnderTest) -> None:
    with reporting(tmp_path, console) as recorder:
        recorder.emit(note(1))
    (tmp_path / outbox_module.MARK_NAME).unlink()
    with reporting(tmp_path, console) as recorder:
        recorder.emit(note(2))
    assert messages(console) == ["1", "2"]


def test_a_console_restored_from_an_older_state_is_sent_what_it_lacks(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    with reporting(tmp_path, console) as recorder:
        for number in range(10):
            recorder.emit(note(number))
        console.wait_for(lambda: console.last_seq(1) == 10)
        with console.changed:
            for seq in range(5, 11):
                del console.events[(1, seq)]
        recorder.emit(note(10))
    assert messages(console) == [str(number) for number in range(11)]


def test_a_run_moved_to_another_console_is_told_from_the_beginning(tmp_path: Path, console: ConsoleUnderTest) -> None:
    with reporting(tmp_path, console) as recorder:
        recorder.emit(note(1))
    console.leave()
    console.events.clear()
    console.port = 0
    console.open()
    with reporting(tmp_path, console, attempt=2) as recorder:
        recorder.emit(note(2))
    assert messages(console, 1) == ["1"]
    assert messages(console, 2) == ["2"]


def test_an_idle_connection_that_the_server_closed_is_opened_again_without_a_word(
    tmp_path: Path, console: ConsoleUnderTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reporter_module, "HEARTBEAT_S", 3600.0)
    with reporting(tmp_path, console) as recorder:
        for number in range(4):
            recorder.emit(note(number))
            console.wait_for(lambda sent=number + 1: len(console.batches) == sent and console.all_answered)
            console.cut_connections()
    assert "away" not in caplog.text


def test_a_line_that_the_console_cannot_read_is_left_out_and_says_so(
    tmp_path: Path, console: ConsoleUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    def picky(lines: list[dict[str, Any]], body: bytes) -> tuple[int, dict[str, Any]] | None:
        for number, envelope in enumerate(lines, start=1):
            if envelope["event"]["message"] == "13":
                return 422, {"line": number, "detail": "nobody likes 13"}
        return None

    console.refuse = picky
    with reporting(tmp_path, console) as recorder:
        for number in range(30):
            recorder.emit(note(number))
    received = messages(console)
    assert len(received) == 30
    assert "nobody likes 13" in received[13] and "events.jsonl" in received[13]
    assert received[:13] + received[14:] == [str(n) for n in range(30) if n != 13]
    assert "an event is left out" in caplog.text
    assert '"message":"13"' in (tmp_path / "events.jsonl").read_text(), "the spool keeps it"


def test_the_bad_line_is_found_when_the_console_does_not_say_which(tmp_path: Path, console: ConsoleUnderTest) -> None:
    def vague(lines: list[dict[str, Any]], body: bytes) -> tuple[int, dict[str, Any]] | None:
        bad = any(envelope["event"]["message"] == "13" for envelope in lines)
        return (422, {"detail": "something is wrong"}) if bad else None

    console.refuse = vague
    with reporting(tmp_path, console) as recorder:
        for number in range(30):
            recorder.emit(note(number))
    received = messages(console)
    assert received[:13] + received[14:] == [str(n) for n in range(30) if n != 13]


def test_a_batch_that_is_too_large_is_cut_and_a_line_that_is_too_large_is_left_out(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    console.refuse = lambda lines, body: (
        (413, {"detail": "at most 2000 bytes"}) if len(json.dumps(lines)) > 2000 else None
    )
    with reporting(tmp_path, console) as recorder:
        for number in range(30):
            recorder.emit(note(number, size=3000 if number == 7 else 0))
    received = messages(console)
    assert "larger than the console takes" in received[7]
    assert received[:7] + received[8:] == [str(n) for n in range(30) if n != 7]


@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_a_refused_run_goes_on_and_ships_when_the_console_has_been_put_right(
    tmp_path: Path, console: ConsoleUnderTest, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    refusals: list[int] = []

    def refuse(lines: list[dict[str, Any]], body: bytes) -> tuple[int, dict[str, Any]]:
        refusals.append(status)
        return status, {"detail": "not with this token"}

    console.refuse = refuse
    with reporting(tmp_path, console) as recorder:
        recorder.emit(note(1))
        console.wait_for(lambda: len(refusals) >= 3)
        console.refuse = lambda lines, body: None
    assert messages(console) == ["1"]
    said = [record for record in caplog.records if "not with this token" in record.getMessage()]
    assert len(said) == 1, "said once, however often it is tried"
    assert TOKEN not in caplog.text


def test_an_answer_that_is_none_is_tried_again(tmp_path: Path, console: ConsoleUnderTest) -> None:
    strange = [(200, {"hello": "I am a proxy"}), (503, {}), (429, {"detail": "slow down"})]
    console.refuse = lambda lines, body: strange.pop() if strange else None
    with reporting(tmp_path, console) as recorder:
        recorder.emit(note(1))
    assert messages(console) == ["1"]


def test_a_batch_at_which_the_console_breaks_does_not_stop_the_run_for_ever(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    def breaks(lines: list[dict[str, Any]], body: bytes) -> tuple[int, dict[str, Any]] | None:
        bad = any(envelope["event"]["message"] == "13" for envelope in lines)
        return (500, {"detail": "a bug"}) if bad else None

    console.refuse = breaks
    with reporting(tmp_path, console) as recorder:
        for number in range(30):
            recorder.emit(note(number))
    received = messages(console)
    assert "the console broke at it" in received[13]
    assert received[:13] + received[14:] == [str(n) for n in range(30) if n != 13]
    assert console.heartbeats >= 3, "a console that does not answer a heartbeat either is broken as a whole"


def test_a_console_that_is_broken_as_a_whole_loses_no_event(tmp_path: Path, console: ConsoleUnderTest) -> None:
    failures: list[int] = []

    def broken(lines: list[dict[str, Any]], body: bytes) -> tuple[int, dict[str, Any]]:
        failures.append(500)
        return 500, {"detail": "no database"}

    console.refuse = broken
    with reporting(tmp_path, console) as recorder:
        for number in range(30):
            recorder.emit(note(number))
        console.wait_for(lambda: len(failures) > 12)
        console.refuse = lambda lines, body: None
    assert messages(console) == [str(number) for number in range(30)]


def test_a_quiet_run_sends_heartbeats_and_hears_the_directive(tmp_path: Path, console: ConsoleUnderTest) -> None:
    with reporting(tmp_path, console) as recorder:
        console.wait_for(lambda: console.heartbeats >= 2)
        assert recorder.directive is Directive.RUN
        console.directive = "stop_gracefully"
        before = console.heartbeats
        console.wait_for(lambda: console.heartbeats >= before + 2)
        assert recorder.directive is Directive.STOP_GRACEFULLY


def test_screenshots_are_uploaded_once_when_the_console_asks(tmp_path: Path, console: ConsoleUnderTest) -> None:
    pictures = [np.full((168, 224, 3), shade, dtype=np.uint8) for shade in (0, 80, 160)]
    with reporting(tmp_path, console) as recorder:
        for index in range(9):
            frame = recorder.store_frame(pictures[index % 3])
            recorder.emit(EpisodeStepTaken(episode_id="e", index=index, frame=frame))
        console.wait_for(lambda: len(console.frames) == 3)
    for sha256, data in console.frames.items():
        assert frame_path(tmp_path / "frames", sha256).read_bytes() == data
    uploads = [path for method, path, _ in console.requests if method == "PUT"]
    assert len(uploads) == 3


def test_the_end_of_a_run_waits_for_screenshots_that_the_console_asks_for_in_portions(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    console.frames_at_once = 4
    with reporting(tmp_path, console) as recorder:
        for index in range(20):
            frame = recorder.store_frame(np.full((168, 224, 3), index * 10, dtype=np.uint8))
            recorder.emit(EpisodeStepTaken(episode_id="e", index=index, frame=frame))
        began = time.monotonic()
    assert len(console.frames) == 20
    assert time.monotonic() - began < reporter_module.LONGEST_DRAIN_S / 2, "and for nothing else"


def test_screenshots_that_an_answer_asked_for_are_shipped_though_the_answer_was_lost(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    with reporting(tmp_path, console) as recorder:
        console.wait_for(lambda: console.heartbeats > 0)
        console.answers_to_lose = 1
        frame = recorder.store_frame(np.zeros((168, 224, 3), dtype=np.uint8))
        recorder.emit(EpisodeStepTaken(episode_id="e", index=0, frame=frame))
        console.wait_for(lambda: console.answers_to_lose == 0)
    assert len(console.frames) == 1


def test_the_next_attempt_ships_screenshots_that_the_console_asked_the_last_one_for(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    console.ask_for_frames = False
    with reporting(tmp_path, console) as recorder:
        frame = recorder.store_frame(np.zeros((168, 224, 3), dtype=np.uint8))
        recorder.emit(EpisodeStepTaken(episode_id="e", index=0, frame=frame))
    console.ask_for_frames = True
    assert console.missing_frames(again=False), "asked for, and nobody heard it"
    with reporting(tmp_path, console, attempt=2):
        console.wait_for(lambda: len(console.frames) == 1)


def test_a_screenshot_that_is_gone_is_given_up_and_events_go_on(
    tmp_path: Path, console: ConsoleUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    console.ask_for_frames = False
    with reporting(tmp_path, console) as recorder:
        frame = recorder.store_frame(np.zeros((168, 224, 3), dtype=np.uint8))
        recorder.emit(EpisodeStepTaken(episode_id="e", index=0, frame=frame))
        console.wait_for(lambda: console.last_seq(1) == 1)
        for path in (tmp_path / "frames").rglob("*.webp"):
            path.unlink()
        console.ask_for_frames = True
        recorder.emit(note(1))
        recorder.emit(note(2))
    assert console.last_seq(1) == 3
    assert console.frames == {}
    assert "a screenshot cannot be shipped" in caplog.text


def test_closing_does_not_wait_for_a_console_that_never_comes(
    tmp_path: Path, console: ConsoleUnderTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder_module, "CLOSE_S", 0.3)
    console.leave()
    recorder = RunRecorder(tmp_path, 1, frames=FramesConfig(), report_to=console.url, run_id=RUN_ID, token=TOKEN)
    recorder.emit(note(1))
    began = time.monotonic()
    recorder.close()
    assert time.monotonic() - began < reporter_module.LONGEST_DRAIN_S / 2
    assert "shipped when the run is resumed" in caplog.text


WRITER = """
import sys
from pathlib import Path
from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.events import LogWritten
from arpo_engine.contract.reporting import RunRecorder

folder, url, run_id, token = sys.argv[1:]
recorder = RunRecorder(Path(folder), 1, frames=FramesConfig(), report_to=url, run_id=run_id, token=token)
number = 0
while sys.stdin.read(1):
    for _ in range(100):
        recorder.emit(LogWritten(level="info", logger="test", message=str(number)))
        number += 1
    sys.stdout.write(".")
    sys.stdout.flush()
"""


def test_a_run_killed_in_the_middle_of_shipping_is_completed_by_the_next_attempt(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), console.url, RUN_ID, TOKEN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    while not console.events:
        process.stdin.write(b"g")
        process.stdin.flush()
        assert process.stdout.read(1) == b"."
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()

    with reporting(tmp_path, console, attempt=2) as recorder:
        recorder.emit(note(0))
    spooled = (tmp_path / "events.jsonl").read_text().splitlines()
    assert len(console.events) == len(spooled)
    assert messages(console, 1) == [str(number) for number in range(len(spooled) - 1)]
    assert messages(console, 2) == ["0"]
