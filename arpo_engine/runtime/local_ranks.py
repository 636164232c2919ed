"""The ranks of a learner as child processes of the run: one request at a time, one answer of each, no wait without end.

A rank that dies closes its end of a socket pair, which is seen at once. The others then wait for it in the middle of a
collective call and can only be ended, so that a group lives and dies as one.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import torch

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import LearnerLost
from arpo_engine.runtime.devices import check_ranks, cores_here
from arpo_engine.runtime.parcels import Parcel, pack, shared_folder, unpack
from arpo_engine.runtime.rank_answers import Patience, answer_of_first
from arpo_engine.runtime.rank_trouble import Trouble, died, failed
from arpo_engine.trainer.rank_wire import Answer, Done, Failed, RankSettings, Request

log = logging.getLogger(__name__)

END_TIMEOUT_S = 5.0
LOOPBACK = {"linux": "lo", "darwin": "lo0"}


@dataclass(frozen=True, slots=True)
class _Child:
    rank: int
    process: subprocess.Popen[bytes]
    connection: Connection


class LocalRanks:
    """Implements `RankGroup` with child processes of this machine."""

    def __init__(self, config: RunConfig, *, program: str = "arpo_engine.runtime.rank_process") -> None:
        self.size = config.learner.ranks
        self._config = config
        self._program = program
        self._folder = shared_folder()
        self._children: list[_Child] = []
        self._ended = threading.Lock()
        self._gone = ""

    @property
    def pids(self) -> list[int]:
        """Process ids, in the order of ranks."""
        return [child.process.pid for child in self._children]

    def open(self) -> None:
        """Start all ranks and wait until each has loaded the model.

        Raises:
            LearnerLost: one did not come up; the text says why.
            ConfigError: fewer GPUs than ranks.
        """
        devices = rank_devices(self._config)
        for rank, device in enumerate(devices):
            self._children.append(self._start(rank, device))
        limit = Patience(seconds=self._config.learner.start_timeout_s, setting="learner.start_timeout_s")
        self._answers("load the model", limit)

    def ask(self, request: Request) -> Done:
        """See `RankGroup`."""
        if self._gone:
            raise LearnerLost(self._gone)
        limit = Patience(seconds=self._config.learner.answer_timeout_s, setting="learner.answer_timeout_s")
        file = self._folder / "request"
        parcel = pack(request, file)
        try:
            for child in self._children:
                self._send(child, parcel)
            return self._answers(type(request).__name__, limit)
        finally:
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """See `RankGroup`."""
        self._end("the ranks of the learner were ended")

    def _start(self, rank: int, device: str) -> _Child:
        here, there = socket.socketpair()
        with there:
            process = subprocess.Popen(
                [sys.executable, "-m", self._program, str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**_variables(self.size, device), **os.environ},
            )
        child = _Child(rank, process, Connection(here.detach()))
        settings = RankSettings(
            config=self._config.model_dump(mode="json"),
            rank=rank,
            size=self.size,
            meet_at=f"file://{self._folder}/meeting",
            device=device,
        )
        self._send(child, (settings, str(self._folder)))
        return child

    def _send(self, child: _Child, message: object) -> None:
        try:
            child.connection.send(message)
        except OSError:
            log.debug("a rank is gone already; its end of the socket will tell", extra={"rank": child.rank})

    def _answers(self, doing: str, patience: Patience) -> Done:
        children = {child.connection: child for child in self._children}
        done: Done = answer_of_first(
            {connection: child.rank for connection, child in children.items()},
            doing=doing,
            patience=patience,
            some_of=_talking,
            received=lambda connection: self._received(children[connection]),
            end=self._end,
        )
        return done

    def _received(self, child: _Child) -> Done | Trouble:
        try:
            parcel: Parcel = child.connection.recv()
            answer: Answer = unpack(parcel)
        except (EOFError, OSError):
            try:
                code: int | None = child.process.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                code = None
            return died(child.rank, f"process {child.process.pid}", code)
        return failed(child.rank, answer) if isinstance(answer, Failed) else answer

    def _end(self, reason: str) -> None:
        with self._ended:
            if self._gone:
                return
            self._gone = reason
        for child in self._children:
            try:
                os.killpg(child.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                log.debug("a rank was gone already", extra={"rank": child.rank})
        for child in self._children:
            try:
                child.process.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:  # a process that gives back the memory of a GPU may take longer
                log.warning("a rank was killed and is not gone yet", extra={"rank": child.rank})
        shutil.rmtree(self._folder, ignore_errors=True)


def _talking(lines: list[Connection], seconds: float) -> list[Connection]:
    """Those that have something to say, or are closed."""
    return [line for line in wait(lines, seconds) if isinstance(line, Connection)]


def rank_devices(config: RunConfig) -> list[str]:
    """The device of each rank on this machine.

    Raises:
        ConfigError: it has fewer GPUs than there are ranks.
    """
    gpus = torch.cuda.device_count() if config.learner.backend != "gloo" else 0
    check_ranks(config.learner, gpus, "this machine")
    return [f"cuda:{rank}" if gpus else "cpu" for rank in range(config.learner.ranks)]


def _variables(ranks: int, device: str) -> dict[str, str]:
    """What a rank's environment has unless it says otherwise already."""
    chosen = {"GLOO_SOCKET_IFNAME": LOOPBACK[sys.platform]} if sys.platform in LOOPBACK else {}
    threads = max(1, cores_here() // ranks) if device == "cpu" else 1
    return {**chosen, "OMP_NUM_THREADS": str(threads)}
