"""Attempts of one run: started as a person does, watched by their events, struck at their processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from arpo_engine.contract.events import Envelope
from arpo_engine.contract.reporting import SPOOL_NAME, read_spool
from tests.rehearsal.cluster import TwoNodes

WITHIN_S = 1800.0
"""Longest wait for anything; two engines of vLLM alone take minutes on two cores with much to do."""


class Run:
    """A run folder and whatever attempt works on it now."""

    def __init__(self, nodes: TwoNodes, folder: Path, words: Sequence[str]) -> None:
        self.folder = folder
        self._nodes = nodes
        self._words = words
        self._process: subprocess.Popen[bytes] | None = None
        self._began = time.monotonic()
        self._read: tuple[int, list[Envelope]] = (0, [])
        self.told: list[str] = []
        """The story for the log: seconds since the beginning, and what happened."""

    def start(self) -> None:
        """The next attempt, on the east machine."""
        with (self.folder.parent / "engine.log").open("ab") as out:
            self._process = subprocess.Popen(
                self._nodes.east.inside(
                    sys.executable,
                    "-m",
                    "arpo_engine",
                    "train",
                    *self._words,
                    "--executor",
                    "ray",
                    "--run-dir",
                    str(self.folder),
                ),
                env=self._nodes.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.tell("an attempt begins")

    def tell(self, what: str) -> None:
        """Note what happened."""
        self.told.append(f"{time.monotonic() - self._began:6.1f} s  {what}")

    def events(self) -> list[Envelope]:
        """All that was told so far."""
        spool = self.folder / SPOOL_NAME
        size = spool.stat().st_size if spool.exists() else 0
        if size != self._read[0]:
            self._read = (size, list(read_spool(spool)))
        return self._read[1]

    def until(self, holds: Callable[[list[Envelope]], bool], what: str, within_s: float = WITHIN_S) -> list[Envelope]:
        """Wait for the events to tell something; returns them all."""
        deadline = time.monotonic() + within_s
        while True:
            running = self._process is not None and self._process.poll() is None
            seen = self.events()
            if holds(seen):
                self.tell(what)
                return seen
            assert running, f"the attempt ended before {what}: {self.last_words()}"
            assert time.monotonic() < deadline, f"{what} did not happen within {within_s:g} s: {self.last_words()}"
            time.sleep(0.05)

    def wait(self, within_s: float = WITHIN_S) -> int:
        """The exit code of the attempt."""
        assert self._process is not None
        code = self._process.wait(within_s)
        self.tell(f"the attempt ended with {code}")
        return code

    def strike(self, what: str, is_it: Callable[[psutil.Process], bool]) -> None:
        """Kill one process of the run, without a word."""
        for machine in (self._nodes.west, self._nodes.east):
            for pid in machine.pids():
                try:
                    if is_it(psutil.Process(pid)):
                        os.kill(pid, signal.SIGKILL)
                        self.tell(f"{what} is killed (process {pid} on {machine.address})")
                        return
                except psutil.NoSuchProcess:
                    continue
        raise AssertionError(f"nothing that runs is {what}: {self.last_words()}")

    def last_words(self) -> str:
        """The end of what the engine printed."""
        log = self.folder.parent / "engine.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else "nothing"


def cmdline(process: psutil.Process) -> str:
    """A process's command line."""
    return " ".join(process.cmdline())
