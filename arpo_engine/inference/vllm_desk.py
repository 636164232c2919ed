"""The door of an engine process: requests in, answers out, screenshots kept, and weights changed while nobody samples.

Knows no vLLM: what samples is behind `Model`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Any, Protocol

from arpo_engine.inference.vllm_wire import Ask, Done, Failed, Forget, Frame, Push, Request, Rest, Said

log = logging.getLogger(__name__)


class ModelGone(Exception):
    """The model cannot answer any more, whatever it is asked."""


class Model(Protocol):
    """What samples."""

    async def reply(self, ask: Ask, frames: list[Frame]) -> Said:
        """Sample; many at once."""
        ...

    async def take(self, push: Push) -> Done:
        """Change the weights; never while a reply is under way."""
        ...

    async def rest(self, rest: Rest) -> Done:
        """Give memory away; never while a reply is under way."""
        ...


class Gate:
    """Lets replies through side by side, and what changes the model only alone."""

    def __init__(self) -> None:
        self._inside = 0
        self._empty, self._open = asyncio.Event(), asyncio.Event()
        self._empty.set()
        self._open.set()
        self._closing = asyncio.Lock()

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Go through, as soon as the gate is open."""
        while not self._open.is_set():
            await self._open.wait()
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """Let nobody in, and wait until all are out."""
        async with self._closing:
            self._open.clear()
            try:
                await self._empty.wait()
                yield
            finally:
                self._open.set()


class Desk:
    """Answers one trainer."""

    def __init__(self, connection: Connection, model: Model) -> None:
        self._connection, self._model = connection, model
        self._frames: dict[str, dict[bytes, Frame]] = {}
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        self._gate = Gate()
        self._gone: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def run(self) -> bool:
        """Answer until the trainer closes the connection (True) or the model is gone (False)."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), name="trainer", daemon=True).start()
        return await self._gone

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while True:
                loop.call_soon_threadsafe(self._take, self._connection.recv())
        except (EOFError, OSError):
            loop.call_soon_threadsafe(self._leave, True)

    def _leave(self, trainer_is_gone: bool) -> None:
        if not self._gone.done():
            self._gone.set_result(trainer_is_gone)

    def _take(self, request: Request) -> None:
        if isinstance(request, Forget):
            self._frames.pop(request.episode, None)
            for task in self._tasks.pop(request.episode, set()):
                task.cancel()
        elif isinstance(request, Ask):
            # Here and not in the task: a later turn of the episode counts on them.
            shelf = self._frames.setdefault(request.episode, {})
            shelf.update(request.fresh)
            self._begin(request.episode, self._answer(request.number, self._reply(request, shelf)))
        elif isinstance(request, Push):
            self._begin("", self._answer(request.number, self._alone(self._model.take(request))))
        else:
            self._begin("", self._answer(request.number, self._alone(self._model.rest(request))))

    def _begin(self, episode: str, work: Coroutine[Any, Any, None]) -> None:
        tasks = self._tasks.setdefault(episode, set())
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _reply(self, ask: Ask, shelf: Mapping[bytes, Frame]) -> Said:
        frames = [shelf[key] for key in ask.frames]
        async with self._gate.passing():
            return await self._model.reply(ask, frames)

    async def _alone(self, work: Coroutine[Any, Any, Done]) -> Done:
        async with self._gate.closed():
            return await work

    async def _answer(self, number: int, work: Coroutine[Any, Any, Said | Done]) -> None:
        try:
            self._connection.send(await work)
        except ModelGone:
            log.exception("the model is gone")
            self._leave(False)
        # Whatever goes wrong with one request is told to the one who asked; the others go on.
        except Exception as error:  # noqa: BLE001
            cause = error.__cause__ or error
            self._connection.send(Failed(number=number, message=f"{type(cause).__name__}: {cause}"))
