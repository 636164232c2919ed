"""The executor of a bare machine: desktop processes as children over a socket pair. Needs no Ray, no cluster.

A child that dies closes its end, which is seen at once: everything that waits for it raises `DesktopLost`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.host import Answer, DesktopHost, Request
from arpo_engine.runtime.desktop_process import READY
from arpo_engine.runtime.devices import gpus_here
from arpo_engine.runtime.executor import process_sizes
from arpo_engine.runtime.gpu_room import Gpus
from arpo_engine.runtime.rows import as_word

if TYPE_CHECKING:
    from arpo_engine.trainer.rank_wire import RankGroup

log = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
"""A loaded machine may take long to start an interpreter; a dead child is seen at once and never waits for this."""
END_TIMEOUT_S = 5.0
UNDER_WAY = 8
"""Requests that a child has not answered yet. It never idles with so many, and they fit into the socket's buffer: a
child that has stopped reading can therefore not hold up the event loop that writes to it."""


@dataclass(slots=True)
class _Child:
    """One life of a desktop process."""

    process: subprocess.Popen[bytes]
    connection: Connection
    waiting: dict[int, asyncio.Future[Answer]] = field(default_factory=dict)
    ready: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UNDER_WAY))
    sent: int = 0
    gone: str = ""
    """Why it can be asked no more; empty while it lives."""


class LocalHost:
    """Implements `DesktopHost` for a child process."""

    def __init__(self, name: str, config: DesktopsConfig, size: int) -> None:
        self.name = name
        self.size = size
        self._config = config
        self._child: _Child | None = None
        self.machine = socket.gethostname()

    @property
    def pid(self) -> int | None:
        """Process id of the present life."""
        return self._child.process.pid if self._child else None

    async def call(self, index: int, request: Request) -> Answer:
        """Ask one desktop; see `DesktopHost`."""
        child = self._child
        if child is None:
            raise DesktopLost(f"{self.name} was not started")
        async with child.turns:
            if child.gone:
                raise DesktopLost(child.gone)
            return await self._send(child, index, request)

    async def restart(self) -> None:
        """End the present process, if there is one, and start another."""
        await self.close()
        here, there = socket.socketpair()
        with there:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "arpo_engine.runtime.desktop_process",
                    str(there.fileno()),
                    str(self.size),
                    as_word(self._config),
                ],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        child = _Child(process, Connection(here.detach()))
        self._child = child
        reader = threading.Thread(
            target=_read, args=(self.name, child, asyncio.get_running_loop()), name=f"{self.name}-reader", daemon=True
        )
        reader.start()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await child.ready
        except TimeoutError as error:
            await self.close()
            raise DesktopLost(
                f"{self.name} did not start within {START_TIMEOUT_S:g} s; is the machine overloaded?"
            ) from error

    async def close(self) -> None:
        """End the process: closing the socket is its sign to go; what does not go is killed."""
        child, self._child = self._child, None
        if child is None:
            return
        _lose(child, f"{self.name} was closed")
        await asyncio.get_running_loop().run_in_executor(None, _end, child)

    async def _send(self, child: _Child, index: int, request: Request) -> Answer:
        child.sent += 1
        number = child.sent
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        child.waiting[number] = answer
        try:
            child.connection.send((number, index, request))
            return await answer
        except OSError as error:
            raise DesktopLost(f"{self.name} (process {child.process.pid}) is gone: {error}") from error
        finally:
            child.waiting.pop(number, None)


class LocalExecutor:
    """Implements `Executor` with child processes."""

    def __init__(self) -> None:
        self._hosts: list[LocalHost] = []
        self._ranks: RankGroup | None = None

    @property
    def pids(self) -> list[int]:
        """None: children are found without help."""
        return []

    async def start_desktops(self, config: DesktopsConfig) -> Sequence[DesktopHost]:
        """Start desktop processes side by side."""
        at_once, later = process_sizes(config)
        sizes = enumerate([*at_once, *later])
        self._hosts = [LocalHost(f"{config.kind}-{number}", config, size) for number, size in sizes]
        await asyncio.gather(*(host.restart() for host in self._hosts[: len(at_once)]))
        return self._hosts

    def gpus(self) -> Gpus:
        """Of this machine."""
        count = gpus_here()
        return Gpus(total=count, free=count, where="this machine")

    async def start_ranks(self, config: RunConfig) -> RankGroup:
        """As child processes, too."""
        # Only here: preflight and evaluations start desktops, and torch takes seconds to be imported.
        from arpo_engine.runtime.local_ranks import LocalRanks

        self._ranks = ranks = LocalRanks(config)
        await asyncio.to_thread(ranks.open)
        return ranks

    async def close(self) -> None:
        """End them."""
        if self._ranks is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._ranks.close)
        await asyncio.gather(*(host.close() for host in self._hosts))


def _read(name: str, child: _Child, loop: asyncio.AbstractEventLoop) -> None:
    """The reader thread of one life: hands answers to the event loop until the child's end is closed."""
    reason = ""
    try:
        first = child.connection.recv()
        loop.call_soon_threadsafe(_begin, name, child, first)
        while True:
            number, answer = child.connection.recv()
            loop.call_soon_threadsafe(_resolve, child, number, answer)
    except (EOFError, OSError, TypeError):
        # TypeError: `close` took the connection away while this thread was reading from it.
        code = child.process.poll()
        reason = f"{name} (process {child.process.pid}) has died" + (
            f" with exit code {code}" if code is not None else ""
        )
    try:
        loop.call_soon_threadsafe(_lose, child, reason)
    except RuntimeError:
        log.debug("the event loop ended before its desktops", extra={"desktop": name})


def _begin(name: str, child: _Child, message: object) -> None:
    if child.ready.done():
        return
    if message == READY:
        child.ready.set_result(None)
    else:
        child.ready.set_exception(DesktopLost(f"{name} cannot start: {message}"))


def _resolve(child: _Child, number: int, answer: Answer | Exception) -> None:
    future = child.waiting.get(number)
    if future is None or future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def _lose(child: _Child, reason: str) -> None:
    child.gone = child.gone or reason
    error = DesktopLost(child.gone)
    for answer in child.waiting.values():
        if not answer.done():
            answer.set_exception(error)
    if not child.ready.done():
        child.ready.set_exception(error)
    # A start that nobody waits for any more would otherwise be reported as an exception that was never retrieved.
    if child.ready.done() and not child.ready.cancelled():
        child.ready.exception()


def _end(child: _Child) -> None:
    # Killed first: shutting a socket under a reader is not seen by every system, the end of its peer is.
    try:
        os.killpg(child.process.pid, signal.SIGKILL)
    except ProcessLookupError:
        log.debug("desktop process was gone already", extra={"pid": child.process.pid})
    child.process.wait(END_TIMEOUT_S)
