"""A console that cannot read, does not want, or breaks at what it is sent: the run goes on and what can be told is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.reporting.conftest import TOKEN, ConsoleUnderTest
from tests.contract.reporting.helpers import messages, note, reporting

pytestmark = pytest.mark.usefixtures("quick")


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
