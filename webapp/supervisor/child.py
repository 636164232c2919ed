"""A program that must keep running: started, watched until it is ready, started again a bounded number of times."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.logs import RotatingLog
from webapp.supervisor.process import Process, Program

RESTARTS: Final = 5
WITHIN_S: Final = 600.0
LONGEST_PAUSE_S: Final = 30.0


class State(StrEnum):
    """Where a child is."""

    STARTING = "starting"
    READY = "ready"
    PAUSING = "waiting to start again"
    FAILED = "failed"
    STOPPED = "stopped"


def nothing_wrong() -> str:
    """Most programs end by themselves when they cannot start or go on."""
    return ""


def nothing_more() -> None:
    """Most programs need no last touch once they answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a child is and how to tell that it works."""

    name: str
    log: RotatingLog
    program: Callable[[], Program]
    """Asked at every start, so that it may first tidy up what a crash left."""
    ready: Callable[[], bool]
    broken: Callable[[], str] = nothing_wrong
    """Why a start that goes on cannot succeed any more; empty while it may."""
    stuck: Callable[[], str] = nothing_wrong
    """Why a program that runs does not do its work; empty while it does."""
    ready_within_s: float = 60.0
    when_ready: Callable[[], None] = nothing_more
    essential: bool = True
    """Without it the console is of no use: when it keeps crashing, everything stops."""


class Child:
    """One such program; `tick` moves it along and tells in words what happened."""

    def __init__(self, spec: Spec, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = spec
        self.state = State.STOPPED
        self.restarts = 0
        self.process: Process | None = None
        self._clock = clock
        self._crashes: deque[float] = deque(maxlen=RESTARTS + 1)
        self._since = 0.0
        self._resume_at = 0.0

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def pid(self) -> int | None:
        return None if self.process is None else self.process.pid

    def launch(self) -> None:
        """Start it; it is ready later."""
        self.process = Process(self.spec.program(), self.spec.log)
        self.state = State.STARTING
        self._since = self._clock()

    def wait_ready(self) -> None:
        """Block until it is ready; raise if it does not come up."""
        assert self.process is not None
        self.process.wait_ready(self.spec.ready, self.spec.ready_within_s)
        self._become_ready()

    def tick(self) -> str | None:
        """Look once. Returns what there is to tell, if something happened."""
        if self.state in (State.STOPPED, State.FAILED):
            return None
        if self.state is State.PAUSING:
            return self._resume() if self._clock() >= self._resume_at else None
        assert self.process is not None
        code = self.process.returncode()
        if code is not None:
            last = self.process.last_words(lines=1)
            return self._crashed(f"{self.name} ended unexpectedly ({describe_exit(code)}): {last}")
        if self.state is State.STARTING:
            return self._look_ready()
        stuck = self.spec.stuck()
        return self._crashed(f"{self.name} is stuck: {stuck}") if stuck else None

    def stop(self, within_s: float | None = None) -> None:
        """Ask it to stop, then make it."""
        self.state = State.STOPPED
        if self.process is not None:
            self.process.stop(within_s)

    def _look_ready(self) -> str | None:
        assert self.process is not None
        if self.spec.ready():
            self._become_ready()
            return f"{self.name} is ready"
        wrong = self.spec.broken()
        if wrong:
            return self._crashed(f"{self.name} could not start: {wrong}")
        if self._clock() - self._since > self.spec.ready_within_s:
            return self._crashed(f"{self.name} was not ready after {self.spec.ready_within_s:.0f} s")
        return None

    def _become_ready(self) -> None:
        self.spec.when_ready()
        self.state = State.READY

    def _crashed(self, what: str) -> str:
        assert self.process is not None
        self.process.stop(within_s=5.0)
        now = self._clock()
        self._crashes.append(now)
        recent = sum(1 for at in self._crashes if now - at < WITHIN_S)
        if recent > RESTARTS:
            self.state = State.FAILED
            return (
                f"{what}. It ended {recent} times in {WITHIN_S / 60:.0f} minutes and stays down; "
                f"log: {self.spec.log.path}"
            )
        pause_s = min(LONGEST_PAUSE_S, 2.0 ** (recent - 1))
        self.state = State.PAUSING
        self._resume_at = now + pause_s
        return f"{what}. Starting it again in {pause_s:.0f} s"

    def _resume(self) -> str:
        self.restarts += 1
        try:
            self.launch()
        except SupervisorError as error:
            return self._crashed(str(error))
        return f"{self.name} was started again (restart {self.restarts})"


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"killed by signal {-code}"
    return f"exit code {code}"
