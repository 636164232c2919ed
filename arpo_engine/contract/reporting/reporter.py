"""Ships the spool to the console from a thread of its own: at least once, in order, catching up after any absence.

Never blocks and never fails the training. Knows the outbox, the frames and the console's door; knows no engine.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from pathlib import Path

from arpo_engine.contract.events import IngestAnswer
from arpo_engine.contract.fleet import DesktopOrder
from arpo_engine.contract.outcomes import Directive
from arpo_engine.contract.reporting.console import (
    BatchTooLarge,
    ConsoleAway,
    ConsoleBroke,
    ConsoleClient,
    ConsoleRefused,
    LineUnreadable,
)
from arpo_engine.contract.reporting.frames import FRAMES_NAME, read_frame
from arpo_engine.contract.reporting.outbox import Batch, Outbox
from arpo_engine.contract.reporting.spool import Spool
from arpo_engine.contract.tryouts import Direction

log = logging.getLogger(__name__)

HEARTBEAT_S = 5.0
"""A console that hears nothing for several of these takes the run for lost."""
GATHER_S = 0.2
"""Pause between batches, so that a page is served a few larger ones a second."""
CLOSELY_HEARTBEAT_S = 0.25
CLOSELY_GATHER_S = 0.02
"""The same two where a person waits for what comes of a click (a try-out)."""
FIRST_RETRY_S = 0.5
LAST_RETRY_S = 15.0
FRAMES_SLICE_S = 1.0
"""Longest that screenshots are uploaded before events are looked after again."""
PACK_FRAMES = 32
PACK_BYTES = 4_000_000
"""Screenshots that travel in one request, and their bytes."""
STRIKES = 3
"""Times that a console which answers otherwise may fail at the same thing before it is taken to be unreadable."""
LONGEST_DRAIN_S = 60.0
"""Longest that the end of a run waits for a console that does take what it is sent."""


class Reporter:
    """One thread between a spool and a console."""

    def __init__(self, run_dir: Path, spool: Spool, client: ConsoleClient, *, closely: bool = False) -> None:
        """Nothing is sent before `start`. `closely`: several times a second, for a person who waits."""
        self._heartbeat_s = CLOSELY_HEARTBEAT_S if closely else HEARTBEAT_S
        self._gather_s = CLOSELY_GATHER_S if closely else GATHER_S
        self.directive = Directive.RUN
        self.orders: Sequence[DesktopOrder] = ()
        self.directions: Sequence[Direction] = ()
        self._spool = spool
        self._client = client
        self._outbox = Outbox(spool.path, f"{client.host}:{client.port}{client.base}")
        self._frames_folder = run_dir / FRAMES_NAME
        self._wanted: OrderedDict[str, None] = OrderedDict()
        self._unavailable: set[str] = set()
        self._singly: set[str] = set()
        self._frames_sent = False
        self._strikes: Counter[str] = Counter()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._drain_s = 0.0
        self._deadline = self._last_deadline = float("inf")
        self._failures = 0
        self._complaint = ""
        self._last_call = float("-inf")
        self._thread = threading.Thread(target=self._run, name="event-reporter", daemon=True)

    def start(self) -> None:
        """Begin to ship."""
        self._thread.start()

    def wake(self) -> None:
        """There may be new lines on the disk."""
        self._wake.set()

    def close(self, drain_s: float) -> None:
        """Ship what is left until the console takes nothing for `drain_s`; the rest stays in the spool."""
        self._drain_s = drain_s
        self._last_deadline = time.monotonic() + max(drain_s, LONGEST_DRAIN_S)
        self._deadline = time.monotonic() + drain_s
        self._closing.set()
        self._wake.set()
        # A call that hangs ends by its own timeout; the thread is a daemon and holds nothing that matters.
        while self._thread.is_alive() and time.monotonic() < self._deadline + 1.0:
            self._thread.join(0.1)
        unsent = self._spool.durable_bytes - self._outbox.offset
        if unsent > 0:
            log.warning(
                "the console did not take everything before the end; the rest is in the run folder and is shipped "
                "when the run is resumed",
                extra={"unsent_bytes": unsent, "path": str(self._spool.path)},
            )

    def _run(self) -> None:
        while True:
            try:
                pause = self._turn()
            except ConsoleAway as error:
                pause = self._away(str(error))
            except OSError as error:
                pause = self._away(f"the spool cannot be read back: {error.strerror}")
            if pause is None:
                break
            if self._failures:
                # New events must not cut the pause short; the end of the run does.
                self._closing.wait(pause) if not self._closing.is_set() else time.sleep(min(pause, FIRST_RETRY_S))
            else:
                self._wake.wait(pause)
                self._wake.clear()
                self._closing.wait(self._gather_s)
        self._client.close()

    def _turn(self) -> float | None:
        """One batch and some screenshots; the seconds to wait before the next turn, None when all is done."""
        batch = self._outbox.next_batch(self._spool.durable_bytes)
        moved = True
        if batch is not None:
            moved = self._ship(batch)
        elif self._frames_sent or (self._closing.is_set() and self._client.answer_lost):
            moved = self._ask()
        elif not self._wanted and self._closing.is_set():
            return None
        elif time.monotonic() - self._last_call >= self._heartbeat_s:
            moved = self._ask()
        if time.monotonic() >= self._deadline:
            return None
        if not moved:
            return self._backoff()
        self._upload_frames()
        more = batch is not None or self._wanted or self._frames_sent or self._closing.is_set()
        return 0.0 if more else max(0.0, self._heartbeat_s - (time.monotonic() - self._last_call))

    def _ship(self, batch: Batch) -> bool:
        """Send a batch; False when that did not bring anything further and it is better to pause."""
        try:
            answer = self._client.post_events(batch.body)
        except BatchTooLarge as error:
            return self._leave_out(batch, None, f"it is larger than the console takes ({error})")
        except LineUnreadable as error:
            return self._leave_out(batch, error.line, f"the console could not read it ({error})")
        except ConsoleBroke as error:
            return self._broke_at(batch, error)
        except ConsoleRefused as error:
            return self._refused(str(error))
        if not self._outbox.acknowledge(batch, answer.last_seq):
            return self._refused(f"the console wants what follows seq {answer.last_seq}, but does not take it")
        self._strikes.clear()
        return self._accepted(answer)

    def _ask(self) -> bool:
        """A batch without lines: a sign of life, answered with the directive and the screenshots that are missing."""
        self._frames_sent = False
        try:
            return self._accepted(self._client.post_events(b""))
        except (BatchTooLarge, LineUnreadable, ConsoleRefused) as error:
            return self._refused(str(error))

    def _broke_at(self, batch: Batch, error: ConsoleBroke) -> bool:
        """A console that answers otherwise but fails at this batch must not be shown it for ever."""
        try:
            self._heed(self._client.post_events(b""))
        except (BatchTooLarge, LineUnreadable, ConsoleRefused) as refusal:
            return self._refused(str(refusal))
        self._strikes["batch"] += 1
        if self._strikes["batch"] < STRIKES:
            return self._refused(str(error))
        return self._leave_out(batch, None, f"the console broke at it ({error})")

    def _accepted(self, answer: IngestAnswer) -> bool:
        if self._failures or self._complaint:
            log.info("the console is back", extra={"unsent_bytes": self._spool.durable_bytes - self._outbox.offset})
        self._failures, self._complaint = 0, ""
        self._heed(answer)
        return True

    def _heed(self, answer: IngestAnswer) -> None:
        """Take over what the console says beside how far it has read."""
        self._progressed()
        if answer.directive != self.directive:
            log.info("the console wants the run to %s", answer.directive.value.replace("_", " "))
        self.directive = answer.directive
        self.orders = tuple(answer.orders)
        self.directions = tuple(answer.directions)
        for sha256 in answer.missing_frames:
            if sha256 not in self._unavailable:
                self._wanted[sha256] = None

    def _progressed(self) -> None:
        self._last_call = time.monotonic()
        if self._closing.is_set():
            self._deadline = min(self._last_call + self._drain_s, self._last_deadline)

    def _leave_out(self, batch: Batch, number: int | None, why: str) -> bool:
        """Put a log line in the place of the one that the console cannot take."""
        if number is None and len(batch.lines) > 1:
            # The answer does not say which line it is, so halves of the batch are tried until one is left.
            self._outbox.shrink(batch)
            return True
        line = batch.lines[min(number or 1, len(batch.lines)) - 1]
        if self._outbox.is_replaced(line):
            return self._refused(f"the console does not even take a log line: {why}")
        log.error("an event is left out: %s", why, extra={"attempt": line.attempt, "seq": line.seq})
        self._outbox.replace(line, why)
        return True

    def _upload_frames(self) -> None:
        until = time.monotonic() + FRAMES_SLICE_S
        while self._wanted and time.monotonic() < until:
            chosen = self._next_frames()
            if len(chosen) == 1:
                self._upload_one(*chosen.popitem())
            elif chosen:
                self._upload_pack(chosen)

    def _next_frames(self) -> dict[str, bytes]:
        """The newest of what is wanted (people watch live), as many as go into one request."""
        chosen: dict[str, bytes] = {}
        size = 0
        for sha256 in list(reversed(self._wanted)):
            data = read_frame(self._frames_folder, sha256)
            if data is None:
                self._give_up(sha256, "it is not in the run folder any more")
                continue
            if chosen and (size + len(data) > PACK_BYTES or sha256 in self._singly):
                break
            chosen[sha256] = data
            size += len(data)
            if len(chosen) == PACK_FRAMES or sha256 in self._singly:
                break
        return chosen

    def _upload_pack(self, chosen: dict[str, bytes]) -> None:
        """Several at once; what is not taken as a pack is sent one by one, so that one cannot stop the others."""
        try:
            answer = self._client.post_frames(list(chosen.values()))
        except (ConsoleBroke, ConsoleRefused) as error:
            log.info("screenshots are sent one by one: %s", error)
            self._singly.update(chosen)
            return
        self._frames_sent = True
        self._progressed()
        for sha256 in chosen:
            if sha256 in answer.refused:
                self._give_up(sha256, answer.refused[sha256])
            else:
                del self._wanted[sha256]

    def _upload_one(self, sha256: str, data: bytes) -> None:
        try:
            self._client.put_frame(sha256, data, "image/webp")
        except ConsoleBroke as error:
            self._strikes[sha256] += 1
            if self._strikes[sha256] < STRIKES:
                raise
            self._give_up(sha256, str(error))
            return
        except ConsoleRefused as error:
            self._give_up(sha256, str(error))
            return
        self._frames_sent = True
        self._progressed()
        self._singly.discard(sha256)
        del self._wanted[sha256]

    def _give_up(self, sha256: str, why: str) -> None:
        self._unavailable.add(sha256)
        self._singly.discard(sha256)
        self._wanted.pop(sha256, None)
        log.warning("a screenshot cannot be shipped", extra={"sha256": sha256, "why": why})

    def _refused(self, complaint: str) -> bool:
        """Say it once; keep trying slowly, because a token or a run may be put right on the console's side."""
        if complaint != self._complaint:
            log.error("events are kept in %s but not shipped: %s", self._spool.path, complaint)
        self._complaint = complaint
        self._last_call = time.monotonic()
        return False

    def _away(self, why: str) -> float | None:
        if self._failures == 0:
            log.warning(
                "the console is away (%s); events are kept in %s and shipped when it is back", why, self._spool.path
            )
        return None if time.monotonic() >= self._deadline else self._backoff()

    def _backoff(self) -> float:
        self._failures += 1
        longest: float = min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(self._failures - 1, 10))
        return random.uniform(longest / 2, longest)
