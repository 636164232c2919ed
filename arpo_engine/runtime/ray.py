"""The executor of a Ray cluster: desktop processes as actors. The only module that imports Ray.

The loop, the learner and the generator stay in the job's driver: on a small machine the weights are shared in one
process, so a step pays no copy of them, and an actor beside it would only wait. What moves through Ray are screenshots,
and a call costs about a millisecond, so calls that wait are sent together.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
from ray.exceptions import GetTimeoutError, RayError

from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.contract.errors import ArpoError, DesktopLost
from arpo_engine.desktops.host import Answer, DesktopHost, Request
from arpo_engine.runtime.desktop_process import answer
from arpo_engine.runtime.executor import split_evenly
from arpo_engine.runtime.rows import build_row
from arpo_engine.types import Observation

log = logging.getLogger(__name__)

START_TIMEOUT_S = 180.0
"""A worker process of Ray imports Ray first; on a laptop with much to do that alone may take a minute."""
TOGETHER = 16
"""Most calls in one message: enough to make its cost small, few enough that the first answers do not wait for all."""


class DesktopActor:
    """The body of a desktop actor; the same row of desktops as in a child process."""

    def __init__(self, config: DesktopsConfig, count: int) -> None:
        self._row = build_row(config, count)

    def pid(self) -> int:
        """Process id; also the sign that the desktops are there."""
        return os.getpid()

    def run(self, calls: list[tuple[int, Request]]) -> list[Answer | ArpoError]:
        """Carry out calls in their order."""
        return [answer(self._row, index, request) for index, request in calls]


@dataclass(slots=True)
class _Call:
    index: int
    request: Request
    answer: asyncio.Future[Answer]


class RayHost:
    """Implements `DesktopHost` for an actor."""

    def __init__(self, name: str, config: DesktopsConfig, size: int) -> None:
        self.name = name
        self.size = size
        self.pid: int | None = None
        self._config = config
        self._actor: Any = None
        self._waiting: deque[_Call] = deque()
        self._pump: asyncio.Task[None] | None = None

    async def call(self, index: int, request: Request) -> Answer:
        """Ask one desktop; see `DesktopHost`."""
        if self._actor is None:
            raise DesktopLost(f"{self.name} was not started")
        call = _Call(index, request, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._send_waiting(self._actor))
        return await call.answer

    async def restart(self) -> None:
        """Start a fresh actor; the old one is killed first."""
        await self.close()
        # Ray's types do not know the methods of an actor's handle.
        actor: Any = ray.remote(DesktopActor).options(num_cpus=0, max_restarts=0).remote(self._config, self.size)
        try:
            self.pid = await asyncio.wait_for(_settled(actor.pid.remote()), START_TIMEOUT_S)
        except TimeoutError as error:
            ray.kill(actor)
            raise DesktopLost(f"{self.name} did not start as a Ray actor within {START_TIMEOUT_S:g} s") from error
        except RayError as error:
            ray.kill(actor)
            raise DesktopLost(f"{self.name} cannot start as a Ray actor: {error}") from error
        self._actor = actor

    async def close(self) -> None:
        """Kill the actor; what waits for it is lost."""
        actor, self._actor = self._actor, None
        if actor is not None:
            with contextlib.suppress(RayError):
                ray.kill(actor)
        self._lose(list(self._waiting), f"{self.name} was closed")
        self._waiting.clear()

    async def _send_waiting(self, actor: Any) -> None:
        while self._waiting:
            calls = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            try:
                answers = await _settled(actor.run.remote([(call.index, call.request) for call in calls]))
            except RayError as error:
                self._lose(calls, f"{self.name} (actor process {self.pid}) has died: {type(error).__name__}")
                return
            for call, given in zip(calls, answers, strict=True):
                _settle(call, given)

    def _lose(self, calls: Sequence[_Call], reason: str) -> None:
        waiting = [*calls, *self._waiting]
        self._waiting.clear()
        for call in waiting:
            if not call.answer.done():
                call.answer.set_exception(DesktopLost(reason))


class RayExecutor:
    """Implements `Executor` on the cluster that `RAY_ADDRESS` or the surrounding job names, else on a local one."""

    def __init__(self) -> None:
        self._hosts: list[RayHost] = []
        self._connected = False

    @property
    def pids(self) -> list[int]:
        """Processes of the actors, for telemetry."""
        return [host.pid for host in self._hosts if host.pid is not None]

    async def start_desktops(self, config: DesktopsConfig) -> Sequence[DesktopHost]:
        """Start all desktop actors side by side."""
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
            self._connected = True
        sizes = split_evenly(config.count, config.per_process)
        self._hosts = [RayHost(f"{config.kind}-{number}", config, size) for number, size in enumerate(sizes)]
        await asyncio.gather(*(host.restart() for host in self._hosts))
        return self._hosts

    async def close(self) -> None:
        """Kill the actors, and leave the cluster if this executor joined it."""
        await asyncio.gather(*(host.close() for host in self._hosts))
        if self._connected:
            self._connected = False
            ray.shutdown()


async def _settled(reference: Any) -> Any:
    """The value behind a reference; Ray wakes this event loop when it is there."""
    try:
        return await reference
    except GetTimeoutError as error:
        raise TimeoutError(str(error)) from error


def _settle(call: _Call, given: Answer | ArpoError) -> None:
    if call.answer.done():
        return
    if isinstance(given, ArpoError):
        call.answer.set_exception(given)
    elif isinstance(given, Observation):
        # Ray's arrays are read-only views of its store and would hold it full for as long as the trajectory lives.
        call.answer.set_result(Observation(pixels=np.array(given.pixels)))
    else:
        call.answer.set_result(given)
