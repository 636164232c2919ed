from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.fleet import DesktopOrder, OrderAction
from arpo_engine.contract.outcomes import Directive
from arpo_engine.contract.reporting import RunRecorder
from arpo_engine.contract.reporting import outbox as outbox_module
from arpo_engine.contract.reporting import recorder as recorder_module
from arpo_engine.contract.reporting import reporter as reporter_module
from arpo_engine.contract.tryouts import Hold
from tests.contract.reporting.conftest import RUN_ID, TOKEN, ConsoleUnderTest
from tests.contract.reporting.helpers import Listener, messages, note, reporting

pytestmark = pytest.mark.usefixtures("quick")


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


def test_a_quiet_run_sends_heartbeats_and_hears_the_directive(tmp_path: Path, console: ConsoleUnderTest) -> None:
    with reporting(tmp_path, console) as recorder:
        console.wait_for(lambda: console.heartbeats >= 2)
        assert recorder.directive is Directive.RUN
        console.directive = "stop_gracefully"
        before = console.heartbeats
        console.wait_for(lambda: console.heartbeats >= before + 2)
        assert recorder.directive is Directive.STOP_GRACEFULLY


def test_orders_for_desktops_come_with_an_answer_and_leave_with_one(tmp_path: Path, console: ConsoleUnderTest) -> None:
    with reporting(tmp_path, console) as recorder:
        console.wait_for(lambda: console.heartbeats >= 1)
        assert recorder.orders == ()
        console.orders = [{"id": "5", "action": "restart", "target": "pocket-0/1"}]
        before = console.heartbeats
        console.wait_for(lambda: console.heartbeats >= before + 2)
        assert recorder.orders == (DesktopOrder(id="5", action=OrderAction.RESTART, target="pocket-0/1"),)
        console.orders = []
        before = console.heartbeats
        console.wait_for(lambda: console.heartbeats >= before + 2)
        assert recorder.orders == ()


def test_directions_of_a_try_out_come_within_a_moment_whether_or_not_there_is_news(
    tmp_path: Path, console: ConsoleUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter_module, "HEARTBEAT_S", 3600.0)
    monkeypatch.setattr(reporter_module, "GATHER_S", 3600.0)
    recorder = RunRecorder(
        tmp_path, 1, frames=FramesConfig(), report_to=console.url, run_id=RUN_ID, token=TOKEN, closely=True
    )
    try:
        assert recorder.directions == ()
        console.directions = [{"kind": "hold", "number": 1, "by": "anna"}]
        before = console.heartbeats
        console.wait_for(lambda: console.heartbeats >= before + 2)
        assert recorder.directions == (Hold(number=1, by="anna"),)
        console.directions = []
        before = console.heartbeats
        console.wait_for(lambda: console.heartbeats >= before + 2)
        assert recorder.directions == ()
    finally:
        recorder.close()


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
