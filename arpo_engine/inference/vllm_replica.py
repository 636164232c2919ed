"""One engine process: started, asked, seen to die, ended. Knows no episodes, and not what to do about a death.

The child's own children share its process group, so that ending one ends all. Its log is a file whose last lines say
why it died.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from arpo_engine.contract.errors import ArpoError, ModelError
from arpo_engine.inference.vllm_wire import Answer, Done, EngineSettings, Failed, Forget, Ready, Request, Said

log = logging.getLogger(__name__)

END_TIMEOUT_S = 10.0
LOG_LINES = 6
LOG_BYTES = 20_000


class EngineLost(ArpoError):
    """An engine process is gone; what it was asked can be asked of another."""


class Replica(Protocol):
    """One engine that can be started, again and again."""

    name: str

    async def start(self) -> Ready:
        """Begin a life, a second one after a death."""
        ...

    async def call(self, request: Request) -> Said | Done:
        """Ask; the number in the request is filled in here.

        Raises:
            EngineLost: it died, or does not live.
            ModelError: it lives, and refuses.
        """
        ...

    def tell(self, request: Forget) -> None:
        """Say something that has no answer; the dead need not hear it."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


@dataclass(slots=True)
class _Life:
    """One process."""

    process: subprocess.Popen[bytes]
    connection: Connection
    log: Path
    ready: asyncio.Future[Ready]
    waiting: dict[int, asyncio.Future[Answer]] = field(default_factory=dict)
    sender: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="to-vllm"))
    sent: int = 0
    gone: str = ""
    """Why it can be asked no more; empty while it lives."""


class ReplicaProcess:
    """Implements `Replica` with a process of the Python that has vLLM.

    `command` is followed by the number of the socket that the process speaks on.
    """

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str],
        settings: EngineSettings,
        variables: Mapping[str, str],
        folder: Path,
        start_timeout_s: float,
    ) -> None:
        self.name = name
        self._command, self._settings, self._variables = [*command], settings, dict(variables)
        self._folder, self._start_timeout_s = folder, start_timeout_s
        self._life: _Life | None = None
        self._lives = 0

    @property
    def pid(self) -> int | None:
        """Process id of the present life."""
        return self._life.process.pid if self._life else None

    async def start(self) -> Ready:
        """End the present process, if there is one, and start another."""
        await self.close()
        self._lives += 1
        here, there = socket.socketpair()
        file = self._folder / f"{self.name}-{self._lives}.log"
        with there, file.open("wb") as out:
            process = subprocess.Popen(
                [*self._command, str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._variables,
            )
        loop = asyncio.get_running_loop()
        life = self._life = _Life(process, Connection(here.detach()), file, loop.create_future())
        threading.Thread(target=_read, args=(self.name, life, loop), name=f"{self.name}-reader", daemon=True).start()
        try:
            async with asyncio.timeout(self._start_timeout_s):
                await self._send(life, self._settings)
                return await life.ready
        except TimeoutError as error:
            said = _last_words(life.log)
            await self.close()
            raise EngineLost(
                f"{self.name} was not ready after generator.start_timeout_s = {self._start_timeout_s:g} s; raise it, "
                f"or give the machine less to do. It said last: {said}"
            ) from error

    async def call(self, request: Request) -> Said | Done:
        """See `Replica`."""
        life = self._life
        if life is None or life.gone:
            raise EngineLost(life.gone if life else f"{self.name} was not started")
        assert not isinstance(request, Forget), "nobody answers that; tell it"
        life.sent += 1
        number = life.sent
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        life.waiting[number] = answer
        try:
            await self._send(life, replace(request, number=number))
            said = await answer
        finally:
            life.waiting.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # seen: the process may die while it is being asked
        if isinstance(said, Failed):
            raise ModelError(f"{self.name} refused: {said.message}")
        return said

    def tell(self, request: Forget) -> None:
        """See `Replica`."""
        life = self._life
        if life is not None and not life.gone:
            life.sender.submit(_send_if_alive, life, request)

    async def close(self) -> None:
        """End the process and its children."""
        life, self._life = self._life, None
        if life is None:
            return
        _lose(life, f"{self.name} was closed")
        await asyncio.get_running_loop().run_in_executor(None, _end, life)

    async def _send(self, life: _Life, message: object) -> None:
        # In a thread, and in order: a screenshot may fill the socket's buffer, and the event loop must not wait for it.
        try:
            await asyncio.get_running_loop().run_in_executor(life.sender, life.connection.send, message)
        except (OSError, RuntimeError) as error:
            raise EngineLost(life.gone or f"{self.name} (process {life.process.pid}) is gone: {error}") from error


def _send_if_alive(life: _Life, message: object) -> None:
    try:
        life.connection.send(message)
    except OSError:
        log.debug("an engine process was gone before it was told", extra={"pid": life.process.pid})


def _read(name: str, life: _Life, loop: asyncio.AbstractEventLoop) -> None:
    """The reader thread of one life: hands answers to the event loop until the child's end is closed."""
    reason = ""
    try:
        while True:
            loop.call_soon_threadsafe(_resolve, life, life.connection.recv())
    except (EOFError, OSError, TypeError):
        # TypeError: `close` took the connection away while this thread was reading from it.
        reason = f"{name} (process {life.process.pid}) has died; it said last: {_last_words(life.log)}"
    try:
        loop.call_soon_threadsafe(_lose, life, reason)
    except RuntimeError:
        log.debug("the event loop ended before its engines", extra={"engine": name})


def _resolve(life: _Life, message: Ready | Answer) -> None:
    if isinstance(message, Ready):
        if not life.ready.done():
            life.ready.set_result(message)
        return
    future = life.waiting.get(message.number)
    if future is not None and not future.done():
        future.set_result(message)


def _lose(life: _Life, reason: str) -> None:
    life.gone = life.gone or reason
    error = EngineLost(life.gone)
    for future in life.waiting.values():
        if not future.done():
            future.set_exception(error)
    if not life.ready.done():
        life.ready.set_exception(error)
    # A start that nobody waits for any more would otherwise be reported as an exception that was never retrieved.
    if not life.ready.cancelled():
        life.ready.exception()


def _end(life: _Life) -> None:
    try:
        os.killpg(life.process.pid, signal.SIGKILL)
    except ProcessLookupError:
        log.debug("an engine process was gone already", extra={"pid": life.process.pid})
    life.process.wait(END_TIMEOUT_S)
    life.sender.shutdown(wait=False, cancel_futures=True)
    life.connection.close()


def _last_words(file: Path) -> str:
    """The end of a log, in one line."""
    try:
        text = file.read_bytes()[-LOG_BYTES:].decode(errors="replace")
    except OSError:
        return "nothing"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-LOG_LINES:]) or "nothing"
