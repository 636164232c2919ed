"""What of a spool the console has not read yet, cut into batches, and how its answers move that mark.

The mark is kept in `events.shipped` beside the spool, so that what an earlier attempt could not send is sent by the
next one. Losing that file costs a few batches sent again, which the console ignores. Knows the spool; no network.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from arpo_engine.contract.events import Envelope, LogWritten
from arpo_engine.contract.reporting.spool import SpoolLine, read_lines

MARK_NAME = "events.shipped"
MAX_LINES = 500
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive lines of one attempt."""

    lines: tuple[SpoolLine, ...]
    bodies: tuple[bytes, ...]
    """The lines as they are sent: a line that the console cannot read has been replaced."""

    @property
    def attempt(self) -> int:
        """The attempt that all lines belong to."""
        return self.lines[0].attempt

    @property
    def body(self) -> bytes:
        """The request's body."""
        return b"".join(line + b"\n" for line in self.bodies)


class Outbox:
    """Hands out the next batch. Used by one thread."""

    def __init__(self, spool: Path, destination: str) -> None:
        """`destination` names the console's run; a mark that was made for another one is not used."""
        self._spool = spool
        self._destination = destination
        self._mark_file = spool.with_name(MARK_NAME)
        self._replaced: dict[tuple[int, int], bytes] = {}
        self._max_lines = MAX_LINES
        self._offset = self._read_mark()

    @property
    def offset(self) -> int:
        """Bytes of the spool that the console has."""
        return self._offset

    def next_batch(self, durable_bytes: int) -> Batch | None:
        """The next lines that are surely on the disk; None when the console has them all."""
        if self._offset >= durable_bytes:
            return None
        lines: list[SpoolLine] = []
        size = 0
        for line in read_lines(self._spool, start=self._offset, end=durable_bytes):
            size += len(line.raw)
            if lines and (line.attempt != lines[0].attempt or size > MAX_BYTES):
                break
            lines.append(line)
            if len(lines) == self._max_lines:
                break
        if not lines:
            return None
        return Batch(tuple(lines), tuple(self._replaced.get((line.attempt, line.seq), line.raw) for line in lines))

    def acknowledge(self, batch: Batch, last_seq: int) -> bool:
        """Move to just after (the batch's attempt, last_seq), on or back; False when the batch began there."""
        before = self._offset
        taken = [line for line in batch.lines if line.seq <= last_seq]
        for line in taken:
            self._replaced.pop((line.attempt, line.seq), None)
        if batch.lines[0].seq - 1 <= last_seq <= batch.lines[-1].seq:
            self._offset = taken[-1].end if taken else before
        else:
            self._offset = self._end_of(batch.attempt, last_seq)
        self._max_lines = min(MAX_LINES, self._max_lines * 2)
        self._write_mark()
        return self._offset != before

    def shrink(self, batch: Batch) -> None:
        """Make the next batch half as long as this one."""
        self._max_lines = max(1, len(batch.lines) // 2)

    def replace(self, line: SpoolLine, why: str) -> None:
        """Send a log line under the same number instead, so that one bad line cannot stop all that follow.

        The spool keeps the line as it is.
        """
        try:
            was = Envelope.model_validate_json(line.raw)
            at, kind = was.at.isoformat(), str(was.event.kind)
        except ValidationError:
            at, kind = "1970-01-01T00:00:00Z", "unreadable"
        message = f"an event ({kind}) is missing here: {why}. It stands in the run folder's {self._spool.name}"
        tree = {
            "v": 1,
            "attempt": line.attempt,
            "seq": line.seq,
            "at": at,
            "event": LogWritten(level="warning", logger=__name__, message=message).model_dump(mode="json"),
        }
        self._replaced[(line.attempt, line.seq)] = json.dumps(tree).encode()

    def is_replaced(self, line: SpoolLine) -> bool:
        """Whether a log line is already sent in its place."""
        return (line.attempt, line.seq) in self._replaced

    def _end_of(self, attempt: int, seq: int) -> int:
        """Where (attempt, seq) ends; the beginning of the attempt when the console has none of it."""
        end = 0
        earlier: Iterable[SpoolLine] = itertools.takewhile(
            lambda line: (line.attempt, line.seq) <= (attempt, seq), read_lines(self._spool)
        )
        for line in earlier:
            end = line.end
        return end

    def _read_mark(self) -> int:
        try:
            mark = json.loads(self._mark_file.read_text(encoding="utf-8"))
            offset, destination = int(mark["offset"]), mark["destination"]
            with self._spool.open("rb") as file:
                file.seek(max(0, offset - 1))
                at_line = offset == 0 or file.read(1) == b"\n"
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return offset if at_line and destination == self._destination else 0

    def _write_mark(self) -> None:
        partial = self._mark_file.with_suffix(".part")
        # Without the mark lines are sent twice, which is harmless; so a full disk is no reason to stop shipping.
        with contextlib.suppress(OSError):
            partial.write_text(json.dumps({"offset": self._offset, "destination": self._destination}), encoding="utf-8")
            partial.replace(self._mark_file)
