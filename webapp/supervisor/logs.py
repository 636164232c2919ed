"""Rotating log files that child processes write into through a pipe, with their last lines kept for the bad news."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import IO

MAX_BYTES = 5 * 1024 * 1024
KEPT_FILES = 3
TAIL_LINES = 40


class RotatingLog:
    """One program's log: name.log, then name.log.1, … Survives restarts of the program."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, kept: int = KEPT_FILES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.max_bytes = max_bytes
        self.kept = kept
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._lock = threading.Lock()
        self._file = path.open("ab")

    def write(self, line: bytes) -> None:
        """Append one line; rotate when the file has grown enough."""
        with self._lock:
            if self._file.closed:
                return
            self._tail.append(line.decode("utf-8", "replace").rstrip())
            self._file.write(line)
            self._file.flush()
            if self._file.tell() > self.max_bytes:
                self._rotate()

    def tail(self) -> list[str]:
        """The last lines of this start."""
        with self._lock:
            return list(self._tail)

    def follow(self, stream: IO[bytes]) -> threading.Thread:
        """Copy a child's output until it ends."""
        thread = threading.Thread(target=self._pump, args=(stream,), name=f"log-{self.path.stem}", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """Stop writing."""
        with self._lock:
            self._file.close()

    def _pump(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self.write(line)

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self.kept, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            if newer.exists():
                newer.replace(older)
        self._file = self.path.open("ab")
