"""How far the choice of tasks has come, as events for the person who waits: counts, faults, and the time left.

Knows finished tries; knows no tasks and no files.
"""

from __future__ import annotations

import time

from arpo_engine.contract.events import PhaseChanged
from arpo_engine.contract.reporting import EventSink
from arpo_engine.evaluation.attempts import Attempt

PROGRESS_EVERY_S = 2.0
"""Events of the phase are at least this far apart; the last one always comes."""


class SelectionProgress:
    """Counts tries as they end."""

    def __init__(self, sink: EventSink, *, tasks: int, total: int, known: int) -> None:
        """`known` tries were finished by an earlier attempt of the run; they say nothing about the pace of this one."""
        self._sink = sink
        self._tasks = tasks
        self._total = total
        self._known = self._done = known
        self._faults = 0
        self._started = self._told = time.monotonic()
        self._tell(None)

    @property
    def done(self) -> int:
        """Tries that are over, those of earlier attempts of the run among them."""
        return self._done

    def heard(self, attempt: Attempt) -> None:
        """One more try is over."""
        self._done += 1
        self._faults += attempt.score is None
        now = time.monotonic()
        if self._done == self._total or now - self._told >= PROGRESS_EVERY_S:
            self._told = now
            pace = (now - self._started) / (self._done - self._known)
            self._tell(pace * (self._total - self._done))

    def _tell(self, eta_s: float | None) -> None:
        words = [f"{self._done} of {self._total} tries of {self._tasks} tasks, to choose those to practise"]
        if self._faults:
            words.append(f"{self._faults} lost to faults")
        self._sink.emit(
            PhaseChanged(phase="selecting", detail="; ".join(words), done=self._done, total=self._total, eta_s=eta_s)
        )
