"""The program itself: one JSON line in, one out, until the other end of the pipe is gone.

Standard output belongs to the answers; whatever OSWorld's code prints goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import queue
import sys
import threading
import traceback
from importlib import metadata
from typing import IO, Any

from . import episodes, lazy
from .wire import AssetNotPlaced, Unreachable, Wire

LONGEST_NOTE = 300
MOST_NOTES = 20
LONGEST_TRACE = 4_000


class Notes(logging.Handler):
    """What OSWorld's code logs as an error and goes on after, kept for the answer."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, as far as there is room."""
        if len(self.lines) < MOST_NOTES:
            self.lines.append(record.getMessage()[:LONGEST_NOTE])


def kind_of(error: BaseException, *, scoring: bool) -> str:
    """The name under which an exception travels."""
    causes: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in causes:
        causes.append(link)
        link = link.__cause__ or link.__context__
    for cause in causes:
        if isinstance(cause, AssetNotPlaced):
            return "asset_missing"
        if isinstance(cause, Unreachable):
            return "desktop_lost"
    return "evaluator_error" if scoring else "setup_failed"


def answer(wire: Wire, notes: Notes, call: dict[str, Any]) -> dict[str, Any]:
    """Carry one call out; every failure is an answer with a name."""
    notes.lines = []
    scoring = call["call"] == "evaluate"
    result: dict[str, Any] = {"number": call["number"]}
    try:
        if scoring:
            result["score"] = episodes.evaluate(wire, call)
        else:
            episodes.setup(wire, call)
    # OSWorld's code raises whatever it likes, `Exception` itself among it; none of it may end this process.
    except Exception as error:  # noqa: BLE001 - the very purpose of this process
        text = str(error) or type(error).__name__
        trace = "".join(traceback.format_exception(error))[-LONGEST_TRACE:]
        kind = "desktop_lost" if wire.failures and not wire.is_there() else kind_of(error, scoring=scoring)
        result["error"] = {"kind": kind, "type": type(error).__name__, "text": text, "trace": trace}
    return {**result, "notes": notes.lines, "unanswered": list(wire.failures)}


def main() -> int:
    """Say hello, then answer call after call; ends at once when the engine does, however it does."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        heavy = lazy.make_lazy()
        version = metadata.version("desktop-env")
        importlib.import_module("desktop_env.desktop_env")
    except ImportError as error:
        _say(out, {"hello": None, "text": str(error)})
        return 1
    notes = Notes()
    logging.getLogger().addHandler(notes)
    logging.getLogger("desktopenv").setLevel(logging.INFO)
    wire = Wire()
    wire.install()
    _say(out, {"hello": version, "heavy": heavy})
    calls: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(calls,), name="reader", daemon=True).start()
    while True:
        _say(out, answer(wire, notes, calls.get()))


def _read(calls: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        calls.put(json.loads(line))
    # A call may hang for good, so the process ends from here.
    os._exit(0)


def _say(out: IO[str], message: dict[str, Any]) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()
