from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arpo_engine.contract.errors import SpoolError
from arpo_engine.contract.events import LogWritten
from arpo_engine.contract.reporting.spool import Spool, last_attempt, read_spool

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def note(text: str) -> LogWritten:
    return LogWritten(level="info", logger="test", message=text)


def spool_with(path: Path, attempt: int, *texts: str) -> None:
    spool = Spool(path, attempt)
    for text in texts:
        spool.append(note(text), NOW)
    spool.flush()
    spool.close()


def seqs(path: Path) -> list[tuple[int, int]]:
    return [(envelope.attempt, envelope.seq) for envelope in read_spool(path)]


def test_events_are_numbered_from_one_and_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    spool_with(path, 1, "a", "b", "c")
    envelopes = list(read_spool(path))
    assert [envelope.seq for envelope in envelopes] == [1, 2, 3]
    assert [envelope.event for envelope in envelopes] == [note("a"), note("b"), note("c")]
    assert envelopes[0].at == NOW


def test_an_attempt_that_is_opened_again_goes_on_numbering(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    spool_with(path, 1, "a", "b")
    spool_with(path, 1, "c")
    assert seqs(path) == [(1, 1), (1, 2), (1, 3)]


def test_the_next_attempt_counts_from_one_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert last_attempt(path) == 0
    spool_with(path, 1, "a", "b")
    spool_with(path, 2, "c")
    assert seqs(path) == [(1, 1), (1, 2), (2, 1)]
    assert last_attempt(path) == 2


def test_a_reader_begins_just_after_the_event_it_names(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    spool_with(path, 1, "a", "b", "c")
    spool_with(path, 2, "d")
    assert [(line.attempt, line.seq) for line in read_spool(path, attempt=1, after_seq=2)] == [(1, 3), (2, 1)]


def test_an_earlier_attempt_cannot_be_written_after_a_later_one(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    spool_with(path, 2, "a")
    with pytest.raises(SpoolError, match=r"holds attempt 2.*use attempt 3"):
        Spool(path, 1)


def test_a_second_writer_of_the_same_run_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = Spool(path, 1)
    with pytest.raises(SpoolError, match="being written by another process"):
        Spool(path, 1)
    first.close()
    Spool(path, 1).close()


@pytest.mark.parametrize(
    "torn", [b'{"v":1,"attempt":1,"se', b"\x00" * 300, b'{"v":1,"attempt":1,"seq":3,"at":"x"}\n', b"\n\n"]
)
def test_a_line_that_a_crash_tore_is_cut_off_and_its_number_used_again(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "events.jsonl"
    spool_with(path, 1, "a", "b")
    with path.open("ab") as file:
        file.write(torn)
    spool_with(path, 1, "c")
    assert seqs(path) == [(1, 1), (1, 2), (1, 3)]
    assert [envelope.event for envelope in read_spool(path)][-1] == note("c")


def test_a_reader_leaves_out_a_line_that_is_still_being_written(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    spool_with(path, 1, "a")
    with path.open("ab") as file:
        file.write(b'{"v":1,"attempt":1,"seq":2')
    assert seqs(path) == [(1, 1)]


def test_long_lines_are_found_from_the_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    spool_with(path, 1, "a", "x" * 300_000)
    spool_with(path, 1, "b")
    assert seqs(path) == [(1, 1), (1, 2), (1, 3)]


def test_a_full_disk_is_said_with_its_cure_and_the_lines_are_written_when_there_is_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    spool = Spool(path, 1)
    spool.append(note("a"), NOW)
    spool.flush()
    real_write = os.write
    monkeypatch.setattr(os, "write", _disk_with_space_for(20, real_write))
    spool.append(note("b"), NOW)
    with pytest.raises(SpoolError, match=r"No space left.*free some space"):
        spool.flush()
    assert seqs(path) == [(1, 1)], "the half line that still fitted must not stay"
    monkeypatch.setattr(os, "write", real_write)
    spool.append(note("c"), NOW)
    spool.flush()
    spool.close()
    assert seqs(path) == [(1, 1), (1, 2), (1, 3)]


def _disk_with_space_for(free: int, real_write):
    def write(descriptor: int, data: bytes) -> int:
        nonlocal free
        if free == 0:
            raise OSError(28, "No space left on device")
        written = real_write(descriptor, data[:free])
        free -= written
        return written

    return write


def test_a_file_that_cannot_be_opened_names_the_path_and_the_cure(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file, no folder")
    with pytest.raises(SpoolError, match="choose a run folder you may write to"):
        Spool(tmp_path / "run" / "events.jsonl", 1)


def test_a_spool_that_is_not_there_or_holds_no_event_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="give a run folder"):
        list(read_spool(tmp_path / "events.jsonl"))
    (tmp_path / "events.jsonl").write_text(
        '{"v":1,"attempt":1,"seq":1,"at":"2026-01-01T00:00:00Z","event":{"kind":"?"}}\n'
    )
    with pytest.raises(SpoolError, match="a line that is no event"):
        list(read_spool(tmp_path / "events.jsonl"))


WRITER = """
import sys
from pathlib import Path
from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.events import LogWritten
from arpo_engine.contract.reporting import RunRecorder

recorder = RunRecorder(Path(sys.argv[1]), 1, frames=FramesConfig())
number = 0
while True:
    number += 1
    recorder.emit(LogWritten(level="info", logger="test", message=str(number)))
    if number % 50 == 0:
        sys.stdout.write(".")
        sys.stdout.flush()
        if sys.stdin.read(1) == "":
            break
"""


def test_a_writer_killed_in_the_middle_leaves_a_spool_without_holes(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    path = tmp_path / "events.jsonl"
    while not (path.exists() and path.stat().st_size > 20_000):
        assert process.stdout.read(1) == b"."
        process.stdin.write(b"g")
        process.stdin.flush()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()

    spool_with(path, 1, "after the kill")
    envelopes = list(read_spool(path))
    assert [envelope.seq for envelope in envelopes] == list(range(1, len(envelopes) + 1))
    texts = [envelope.event.message for envelope in envelopes]
    assert texts == [*map(str, range(1, len(texts))), "after the kill"]
