"""What the reporter's tests share: a recorder that reports to the console under test, and small events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.events import LogWritten
from arpo_engine.contract.reporting import RunRecorder
from tests.contract.reporting.conftest import RUN_ID, TOKEN, ConsoleUnderTest


def note(number: int, size: int = 0) -> LogWritten:
    return LogWritten(level="info", logger="test", message=f"{number}{'x' * size}")


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
