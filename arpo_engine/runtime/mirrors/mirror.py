"""One tracker behind a thread and a bounded queue: it may hang, refuse or raise, and the run goes on as if it were not.

What it did not take is counted. Knows how a tracker is fed; knows no tracker and no event.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from arpo_engine.contract.config.records import MirrorKind
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.servers import without_keys
from arpo_engine.runtime.mirrors.base import TrackedRun, Tracker

log = logging.getLogger(__name__)

LONGEST_REASON = 500

MAX_WAITING = 1_000
"""Steps whose numbers wait for a tracker that is slow; further ones are counted and not sent."""

Build = Callable[[], Tracker]
Tell = Callable[[str], None]
"""Says a sentence to the people who watch the run; may be called from any thread."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    step: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Noted:
    """What is kept of a tracker in the run folder, for the next attempt."""

    run: str
    last_step: int


class Mirror:
    """Feeds one tracker from a thread of its own. No method but `join` waits, and none raises."""

    def __init__(self, kind: MirrorKind, build: Build, run: TrackedRun, tell: Tell) -> None:
        self._kind = kind
        self._build = build
        self._run = run
        self._tell = tell
        self._notes = run.folder / f"{kind}.json"
        self._queue: queue.SimpleQueue[_Numbers | None] = queue.SimpleQueue()
        self._offered = self._settled = 0
        self._outcome: RunOutcome | None = None
        self._complained = False
        self._tracker: Tracker | None = None
        self._thread = threading.Thread(target=self._feed, name=f"mirror-{kind}", daemon=True)
        self._thread.start()

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """The numbers of a step."""
        self._offered += 1
        if self._queue.qsize() < MAX_WAITING:
            self._queue.put(_Numbers(step, values))

    def end(self, outcome: RunOutcome | None) -> None:
        """Nothing more will come; the tracker closes when it has taken what waits."""
        self._outcome = outcome
        self._queue.put(None)

    def join(self, deadline: float) -> None:
        """Wait for the tracker until a moment of the monotonic clock, then leave it; tell once what it did not take."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        lost = self._offered - self._settled
        late = "; it did not end in time and was left" if self._thread.is_alive() else ""
        if late:
            self._complained = True
            self._abandon()
        if lost:
            self._tell(
                f"{self._kind} did not take the numbers of {lost} of {self._offered} steps{late}; the run's own "
                "events have them all"
            )
        elif late:
            self._tell(f"{self._kind} took all numbers{late}, so it may not show the end of the run")

    def _abandon(self) -> None:
        try:
            if self._tracker is not None:
                self._tracker.abandon()
        except Exception as error:  # noqa: BLE001 - a tracker may raise anything, and the run is over
            log.warning("a tracker could not be abandoned", extra={"kind": self._kind, "why": str(error)})

    def _feed(self) -> None:
        """The thread."""
        try:
            self._tracker = tracker = self._build()
            noted = _read(self._notes) if self._run.resumed_from is not None else None
            noted = self._open(tracker, noted)
        except Exception as error:  # noqa: BLE001 - a tracker may raise anything, and nothing of it concerns the run
            self._complain(error)
            return
        floor = -1 if tracker.takes_back else noted.last_step
        for item in iter(self._queue.get, None):
            if item.step <= floor:
                self._settled += 1
                continue
            try:
                tracker.log(item.step, item.values)
                self._settled += 1
                noted = replace(noted, last_step=item.step)
                _write(self._notes, noted)
            except Exception as error:  # noqa: BLE001 - as above; the next step may fare better
                self._complain(error)
        try:
            tracker.close(self._outcome)
        except Exception as error:  # noqa: BLE001 - as above
            self._complain(error)

    def _open(self, tracker: Tracker, noted: _Noted | None) -> _Noted:
        """Begin, or go on with the tracker's run of an earlier attempt."""
        opened = tracker.open(replace(self._run, kept=noted.run if noted else None))
        noted = noted if noted and noted.run == opened else _Noted(opened, -1)
        _write(self._notes, noted)
        resumed = self._run.resumed_from
        if resumed is not None and resumed < noted.last_step and not tracker.takes_back:
            self._tell(
                f"{self._kind} has steps up to {noted.last_step} of an earlier attempt and cannot take them back; this "
                f"one goes on from step {resumed} and is mirrored from step {noted.last_step + 1}"
            )
        return noted

    def _complain(self, error: Exception) -> None:
        """The first trouble is told as it happens; how much it cost is told at the end."""
        if not self._complained:
            self._complained = True
            # An address in the environment may hold a key, and what a tracker raises may hold the address.
            words = without_keys(" ".join(str(error).split()))
            reason = words[:LONGEST_REASON] or type(error).__name__
            self._tell(f"{self._kind} does not take this run's numbers: {reason}. The run goes on without it")


def _read(path: Path) -> _Noted | None:
    """What an earlier attempt noted; None where it left nothing that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return _Noted(str(found["run"]), int(found["last_step"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, noted: _Noted) -> None:
    """Replaced at once, so that a kill leaves the old note or the new one."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"run": noted.run, "last_step": noted.last_step}), encoding="utf-8")
    draft.replace(path)
