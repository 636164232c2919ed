"""Reasons to stop a run, from wherever they come: a signal, the console's word, the clock. Asked between two steps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from arpo_engine.contract.outcomes import Directive
from arpo_engine.contract.reporting import EventSink


@dataclass(frozen=True, slots=True)
class Halt:
    """Why a run ends before its last step. `limit`: its own limit of time, which is a normal end."""

    kind: Literal["stop", "pause", "limit"]
    reason: str


CHECKPOINT_KEPT = "the checkpoint of its last step is kept"
ATTEMPTS_KEPT = "every finished attempt is kept"
EPISODES_KEPT = "its episodes are kept"


class StopSwitch:
    """Collects wishes to stop; the loop asks it between steps. The first wish stays."""

    def __init__(self, sink: EventSink, *, minutes: float | None, kept: str = CHECKPOINT_KEPT) -> None:
        """`kept` tells the person who stops a run what is not lost by it."""
        self._sink = sink
        self._kept = kept
        self._minutes = minutes
        self._started = time.monotonic()
        self._asked: Halt | None = None

    def ask(self, reason: str) -> None:
        """Someone at the machine wants the run to stop after this step."""
        self._asked = self._asked or Halt("stop", reason)

    def signalled(self, name: str) -> None:
        """A signal of the operating system asks for it."""
        self.ask(f"stopped by {name}; {self._kept}")

    @property
    def minutes_left(self) -> float | None:
        """Until the limit of time; None without one."""
        return None if self._minutes is None else self._minutes - (time.monotonic() - self._started) / 60.0

    def halt(self) -> Halt | None:
        """Why to stop now, if at all."""
        if self._asked is not None:
            return self._asked
        match self._sink.directive:
            case Directive.STOP_GRACEFULLY:
                self._asked = Halt("stop", f"stopped from the console; {self._kept}")
            case Directive.PAUSE:
                self._asked = Halt(
                    "pause", f"paused from the console; {self._kept}, and it goes on from there when resumed"
                )
        left = self.minutes_left
        if self._asked is None and left is not None and left <= 0:
            self._asked = Halt("limit", f"reached limits.minutes = {self._minutes:g}")
        return self._asked
