"""Log records that are worth showing beside a run, as events."""

from __future__ import annotations

import logging
from typing import Literal

from arpo_engine.contract.events import LogWritten
from arpo_engine.contract.reporting import EventSink

REPORTING = "arpo_engine.contract.reporting"
_LEVELS: dict[int, Literal["warning", "error"]] = {
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "error",
}


class EventLogHandler(logging.Handler):
    """Emits warnings and errors; those of reporting itself go to stderr, or a broken sink would feed on them."""

    def __init__(self, sink: EventSink) -> None:
        super().__init__(logging.WARNING)
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        """Turn the record into a `LogWritten`."""
        if record.name.startswith(REPORTING):
            if logging.lastResort:
                logging.lastResort.handle(record)
            return
        level = _LEVELS.get(record.levelno, "warning")
        self._sink.emit(LogWritten(level=level, logger=record.name, message=record.getMessage()))
