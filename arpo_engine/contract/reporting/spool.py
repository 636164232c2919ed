"""The spool: `events.jsonl`, one `Envelope` a line, numbered per attempt from 1. It is the truth of an attempt.

A line counts once it is on the disk (fsync), so nothing that a reader was given is taken back by a crash. Knows files
and events; knows no network, no threads and no frames.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from arpo_engine.contract.errors import SpoolError
from arpo_engine.contract.events import WIRE_VERSION, Envelope, Event

SPOOL_NAME = "events.jsonl"

_HEAD = re.compile(rb'\{"v":\d+,"attempt":(\d+),"seq":(\d+),')
_TAIL_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class SpoolLine:
    """A whole line as it stands in the file: which event it is, and where."""

    attempt: int
    seq: int
    end: int
    """Offset of the byte after its newline."""
    raw: bytes
    """Without the newline."""


class Spool:
    """The writing end. One process writes a run folder; a second one is refused."""

    def __init__(self, path: Path, attempt: int, redact: Callable[[str], str] = str) -> None:
        """Open for appending, mend what a crash tore, and go on numbering where the attempt stopped.

        `redact` takes out of a line what nobody may read.

        Raises:
            SpoolError: the file cannot be opened, is being written by another process, or belongs to a later attempt.
        """
        self.path = path
        self.attempt = attempt
        self.last_seq = 0
        self._redact = redact
        self._pending = bytearray()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise SpoolError(f"cannot open {path}: {error.strerror}; choose a run folder you may write to") from error
        try:
            self._lock()
            self.durable_bytes = self._mend()
        except (OSError, SpoolError) as error:
            os.close(self._file)
            if isinstance(error, SpoolError):
                raise
            raise SpoolError(f"cannot read back {path}: {error.strerror}; see that its disk is healthy") from error

    def append(self, event: Event, at: datetime) -> int:
        """Number an event and hold its line for the next `flush`; returns its seq."""
        seq = self.last_seq + 1
        envelope = Envelope.model_construct(v=WIRE_VERSION, attempt=self.attempt, seq=seq, at=at, event=event)
        self._pending += self._redact(envelope.model_dump_json()).encode() + b"\n"
        self.last_seq = seq
        return seq

    def flush(self) -> None:
        """Bring all held lines onto the disk.

        Raises:
            SpoolError: the disk refused. The lines are still held, the file ends with the last whole flush, and
                calling again tries again.
        """
        if not self._pending:
            return
        unwritten = bytes(self._pending)
        try:
            while unwritten:
                unwritten = unwritten[os.write(self._file, unwritten) :]
            os.fsync(self._file)
        except OSError as error:
            # A full disk takes half a line; without it the next attempt to write would glue two lines together.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.durable_bytes)
            raise SpoolError(
                f"cannot write {self.path}: {error.strerror}; free some space on that disk (old runs' checkpoints "
                "and frames are the largest files). The run goes on and writes again as soon as it can"
            ) from error
        self.durable_bytes += len(self._pending)
        self._pending.clear()

    def close(self) -> None:
        """Give the file up; lines that were never flushed are lost. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _lock(self) -> None:
        # The kernel lets go of the lock when the process dies, however it dies, so a stale one cannot remain.
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SpoolError(
                f"{self.path} is being written by another process; stop that one, or give this run a folder of its own"
            ) from error

    def _mend(self) -> int:
        """Cut off lines at the end that a crash left torn, and read where the numbering stopped."""
        size = os.fstat(self._file).st_size
        last, end = _last_whole_line(self.path, size)
        if end < size:
            os.ftruncate(self._file, end)
            os.fsync(self._file)
        if last is not None:
            if last.attempt > self.attempt:
                raise SpoolError(
                    f"{self.path} already holds attempt {last.attempt}, so attempt {self.attempt} cannot be written "
                    f"after it; use attempt {last.attempt + 1}"
                )
            self.last_seq = last.seq if last.attempt == self.attempt else 0
        return end


def read_lines(path: Path, *, start: int = 0, end: int | None = None) -> Iterator[SpoolLine]:
    """Whole lines from byte `start` (the beginning of a line) up to byte `end`, without parsing the events."""
    attempt, seq, offset = 1, 0, start
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            offset += len(line)
            if not line.endswith(b"\n") or (end is not None and offset > end):
                return
            head = _HEAD.match(line)
            # A line that rotted on the disk still holds one event, so its number is known from the line before it.
            attempt, seq = (int(head[1]), int(head[2])) if head else (attempt, seq + 1)
            yield SpoolLine(attempt, seq, offset, line[:-1])


def read_spool(path: Path, *, attempt: int = 1, after_seq: int = 0) -> Iterator[Envelope]:
    """Envelopes from just after (attempt, after_seq) on, later attempts included.

    Raises:
        SpoolError: the file cannot be read, or a line of it is no envelope.
    """
    try:
        for line in read_lines(path):
            if (line.attempt, line.seq) > (attempt, after_seq):
                yield Envelope.model_validate_json(line.raw)
    except OSError as error:
        raise SpoolError(f"cannot read {path}: {error.strerror}; give a run folder that holds {SPOOL_NAME}") from error
    except ValidationError as error:
        raise SpoolError(
            f"{path} has a line that is no event: {error.errors()[0]['msg']}; it was changed or written by a newer "
            "engine, so read it with that one"
        ) from error


def last_attempt(path: Path) -> int:
    """The newest attempt in a spool; 0 when there is none yet. The next attempt is one more."""
    if not path.exists():
        return 0
    line, _ = _last_whole_line(path, path.stat().st_size)
    return line.attempt if line is not None else 0


def _last_whole_line(path: Path, size: int) -> tuple[SpoolLine | None, int]:
    """The last line that is a whole envelope, and where it ends. Looks at the end of the file only."""
    end = size
    with path.open("rb") as file:
        while end > 0:
            start = _line_start(file.fileno(), end)
            raw = os.pread(file.fileno(), end - start, start)
            head = _HEAD.match(raw)
            if head and raw.endswith(b"\n") and _is_envelope(raw):
                return SpoolLine(int(head[1]), int(head[2]), end, raw[:-1]), end
            end = start
    return None, 0


def _line_start(descriptor: int, end: int) -> int:
    """Where the line that ends just before `end` begins."""
    stop = end - 1
    while stop > 0:
        start = max(0, stop - _TAIL_BYTES)
        found = os.pread(descriptor, stop - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        stop = start
    return 0


def _is_envelope(raw: bytes) -> bool:
    try:
        Envelope.model_validate_json(raw)
    except ValidationError:
        return False
    return True
