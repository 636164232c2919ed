"""One child process in the foreground: started in its own session, its output in a log, ended with its whole group.

Knows nothing of what the program is. On Linux the kernel ends the child when the supervisor dies, however it dies.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.identity import Identity
from webapp.supervisor.logs import RotatingLog

PR_SET_PDEATHSIG = 1
POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is run, as whom, and how it is asked to stop."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path
    identity: Identity | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10.0


class Process:
    """A program that was started, and everything below it."""

    def __init__(self, program: Program, log: RotatingLog) -> None:
        self.program = program
        self.log = log
        self.stopping = False
        drop = _drop_to(program.identity)
        try:
            # The hook only makes one system call, so it is safe although log threads run.
            self._popen = subprocess.Popen(  # type: ignore[call-overload]
                program.argv,
                env=dict(program.env),
                cwd=program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent(program.stop_signal),
                **drop,
            )
        except OSError as error:
            raise SupervisorError(f"{program.name} cannot be started: {error}; run ./arpo doctor") from error
        self._pump: threading.Thread = log.follow(self._popen.stdout)

    @property
    def pid(self) -> int:
        return int(self._popen.pid)

    def returncode(self) -> int | None:
        """None while it runs."""
        code: int | None = self._popen.poll()
        return code

    def wait_ready(self, ready: Callable[[], bool], within_s: float) -> None:
        """Return when `ready` says so; raise with the program's last words if it ends or stays silent."""
        deadline = time.monotonic() + within_s
        while not ready():
            code = self.returncode()
            if code is not None:
                self._pump.join(timeout=2)
                raise SupervisorError(f"{self.program.name} ended with {code} while starting: {self.last_words()}")
            if time.monotonic() > deadline:
                raise SupervisorError(
                    f"{self.program.name} was not ready after {within_s:.0f} s: {self.last_words()} "
                    f"(whole log: {self.log.path})"
                )
            time.sleep(POLL_S)

    def stop(self, within_s: float | None = None) -> None:
        """Ask it to stop; past the deadline, end it and all that it started."""
        self.stopping = True
        family = self._family()
        if self.returncode() is None:
            self._popen.send_signal(self.program.stop_signal)
            try:
                self._popen.wait(self.program.stop_within_s if within_s is None else within_s)
            except subprocess.TimeoutExpired:
                _signal_group(self.pid, signal.SIGKILL)
                self._popen.wait()
        _signal_group(self.pid, signal.SIGKILL)
        end_all(family)
        self._pump.join(timeout=2)

    def last_words(self, lines: int = 6) -> str:
        """The end of its log, on one line."""
        return " | ".join(line.strip() for line in self.log.tail()[-lines:] if line.strip()) or "it said nothing"

    def _family(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def end_all(processes: list[psutil.Process], grace_s: float = 0.0) -> None:
    """Kill what is left of them; psutil compares start times, so a reused process id is never hit."""
    _, alive = psutil.wait_procs(processes, timeout=grace_s)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _signal_group(leader: int, number: signal.Signals) -> None:
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return  # the group is gone; on macOS a group of zombies answers "not permitted"


def _drop_to(identity: Identity | None) -> dict[str, object]:
    if identity is None:
        return {}
    return {"user": identity.uid, "group": identity.gid, "extra_groups": []}


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Linux only; elsewhere the next start ends what a killed supervisor left behind."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def hook() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)

    return hook
