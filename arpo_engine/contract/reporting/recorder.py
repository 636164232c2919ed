"""The sink that engines use: emit in nanoseconds, write in a background thread, ship from another.

The training thread only puts things into a queue. One writer takes them out in order, settles their frames, appends
them to the spool and brings them to the disk every 100 ms. Knows the spool, the frames and the reporter; knows no
training.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.errors import SpoolError
from arpo_engine.contract.events import CheckpointSaved, Event, FrameRef, LogWritten, RunEnded
from arpo_engine.contract.fleet import DesktopOrder
from arpo_engine.contract.outcomes import Directive
from arpo_engine.contract.reporting.console import ConsoleClient
from arpo_engine.contract.reporting.frames import FRAMES_NAME, FrameStore, FrameTicket
from arpo_engine.contract.reporting.reporter import Reporter
from arpo_engine.contract.reporting.sinks import PixelArray
from arpo_engine.contract.reporting.spool import SPOOL_NAME, Spool
from arpo_engine.contract.secrets import redactor
from arpo_engine.contract.tryouts import Direction

log = logging.getLogger(__name__)

FLUSH_EVERY_S = 0.1
"""Longest that a line waits for its fsync; a kill loses at most this."""
FLUSH_CLOSELY_S = 0.02
"""The same where a person waits for it."""
RETRY_S = 1.0
"""How often a full disk is tried again."""
MAX_QUEUED = 100_000
"""Events kept in memory while the disk is full; further ones are counted and given up."""
CLOSE_S = 15.0
"""Longest that `close` waits for the writer, and then again for the reporter."""

_AT_ONCE = (RunEnded, CheckpointSaved)
_Item = tuple[datetime, Event] | None


class RunRecorder:
    """Writes a run folder's `events.jsonl` and `frames/`, and reports to a console where one is named."""

    def __init__(
        self,
        run_dir: Path,
        attempt: int,
        *,
        frames: FramesConfig,
        report_to: str | None = None,
        run_id: str | None = None,
        token: str | None = None,
        closely: bool = False,
    ) -> None:
        """Open the run folder and start the background threads. `closely`: a person waits for what comes of a click.

        Raises:
            SpoolError: the run folder cannot be written, or another process writes it.
            ConfigError: `report_to` is no http(s) address, or comes without `run_id` and `token`.
        """
        client = ConsoleClient.for_run(report_to, run_id, token) if report_to else None
        self._spool = Spool(run_dir / SPOOL_NAME, attempt, redactor(os.environ))
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._frames = FrameStore(run_dir / FRAMES_NAME, frames, self._complain)
        self._given_up = 0
        self._flush_every_s = FLUSH_CLOSELY_S if closely else FLUSH_EVERY_S
        self._closing = threading.Event()
        self._reporter = Reporter(run_dir, self._spool, client, closely=closely) if client else None
        self._writer = threading.Thread(target=self._write, name="event-writer", daemon=True)
        self._writer.start()
        if self._reporter:
            self._reporter.start()

    @property
    def directive(self) -> Directive:
        """What the console wants; `run` without one."""
        return self._reporter.directive if self._reporter else Directive.RUN

    @property
    def orders(self) -> Sequence[DesktopOrder]:
        """What the console wants done to desktops; nothing without one."""
        return self._reporter.orders if self._reporter else ()

    @property
    def directions(self) -> Sequence[Direction]:
        """What people said to a try-out; nothing without a console."""
        return self._reporter.directions if self._reporter else ()

    def emit(self, event: Event) -> None:
        """Record an event; never blocks and never raises."""
        if self._closing.is_set():
            log.error("event came after the recorder was closed and is lost", extra={"kind": event.kind})
        elif self._queue.qsize() >= MAX_QUEUED:
            self._given_up += 1
        else:
            self._queue.put((datetime.now(UTC), event))

    def store_frame(self, pixels: PixelArray) -> FrameRef | None:
        """Keep a screenshot. The answer is a ticket that is only good inside an event emitted to this recorder."""
        return self._frames.store(pixels)

    def close(self) -> None:
        """Bring everything to the disk and give the reporter a bounded time to ship it; may be called twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._queue.put(None)
        self._writer.join(CLOSE_S)
        if self._writer.is_alive():
            log.error(
                "the event writer did not finish in time", extra={"seconds": CLOSE_S, "path": str(self._spool.path)}
            )
            return
        if self._reporter:
            self._reporter.close(CLOSE_S)
        self._spool.close()

    def _write(self) -> None:
        """The writer thread: batches of whatever arrives within one flush interval."""
        open_ = True
        while open_:
            open_ = self._gather()
            self._flush()
            if self._reporter:
                self._reporter.wake()

    def _gather(self) -> bool:
        """Append what arrives until the next flush is due; False when the recorder is being closed."""
        timeout = None
        deadline = 0.0
        while True:
            try:
                item = self._queue.get(timeout=timeout)
            except queue.Empty:
                return True
            if item is None:
                return False
            at, event = item
            try:
                self._spool.append(self._with_frame(event), at)
            except ValueError as error:
                log.error(
                    "an event cannot be written as JSON and is lost", extra={"kind": event.kind, "why": str(error)}
                )
            now = time.monotonic()
            deadline = deadline or now + self._flush_every_s
            if isinstance(event, _AT_ONCE) or now >= deadline:
                return True
            timeout = deadline - now

    def _with_frame(self, event: Event) -> Event:
        """The event with its ticket settled."""
        ticket = getattr(event, "frame", None)
        if not isinstance(ticket, FrameTicket):
            return event
        return event.model_copy(update={"frame": self._frames.settle(ticket)})

    def _flush(self) -> None:
        """Write, and keep trying while the disk refuses; new events wait in the queue meanwhile."""
        refused = last_try = False
        while True:
            try:
                self._spool.flush()
                break
            except SpoolError as error:
                if not refused:
                    log.error(str(error))
                refused = True
            if last_try:
                log.error("events could not be written before the end", extra={"queued": self._queue.qsize()})
                return
            last_try = self._closing.wait(RETRY_S)
        if refused or self._given_up:
            lost, self._given_up = self._given_up, 0
            self._complain(
                f"the run folder could not take events as fast as they came; {lost} did not fit in memory "
                "and are lost. See that its disk has space"
            )
            self._flush()

    def _complain(self, message: str) -> None:
        """Say it in the run's own log; only called by the writer."""
        self._spool.append(LogWritten(level="warning", logger=__name__, message=message), datetime.now(UTC))
