"""Desktop processes as actors of a Ray cluster, and the engine's end of them.

What moves through Ray are screenshots, and a call costs about a millisecond, so calls that wait are sent together.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
from ray.exceptions import GetTimeoutError, RayError

from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.contract.errors import ArpoError, DesktopLost
from arpo_engine.desktops.docker.labels import marks_of_process
from arpo_engine.desktops.host import Answer, Request
from arpo_engine.runtime.cluster.nodes import living_nodes, own_node
from arpo_engine.runtime.desktop_process import answer
from arpo_engine.runtime.placement import NoRoom, Place, another_place, place_for, refuse_other_versions, stands
from arpo_engine.runtime.provenance import versions
from arpo_engine.runtime.rows import build_row
from arpo_engine.types import Observation

log = logging.getLogger(__name__)

START_TIMEOUT_S = 180.0
"""A worker process of Ray imports Ray first; on a laptop with much to do that alone may take a minute."""
TOGETHER = 16
"""Most calls in one message: enough to make its cost small, few enough that the first answers do not wait for all."""
LOOK_S = 2.0
"""How often somebody who waits for an actor looks whether its node still lives; Ray itself would wait for ever."""


class DesktopActor:
    """The body of a desktop actor; the same row of desktops as in a child process."""

    def __init__(self, config: DesktopsConfig, count: int, marks: Mapping[str, str]) -> None:
        os.environ.update(marks)
        self._row = build_row(config, count)

    def begin(self) -> tuple[int, str, str, dict[str, str]]:
        """Process id, node, machine, and the versions of what is there; also the sign that the desktops are there."""
        return os.getpid(), own_node(), socket.gethostname(), versions()

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

    def __init__(self, name: str, config: DesktopsConfig, place: Place | int) -> None:
        """`place` is where it goes, or how many desktops it has where its node is chosen each time that it starts."""
        self.name = name
        self.size = place if isinstance(place, int) else place.size
        self.machine = ""
        self.pid: int | None = None
        self.node = ""
        """Id of the node that it runs on."""
        self._config = config
        self._fixed = place if isinstance(place, Place) else None
        self._place = self._fixed
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
        """Start a fresh actor, on another node if its own is gone; the old one is killed first."""
        kept = self._place
        await self.close()
        self._place = kept
        until = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                nodes = living_nodes()
                place = place_for(self.size, nodes) if self._place is None else another_place(self._place, nodes)
                self._place, self._actor = place, await self._start(place, until)
                return
            except NoRoom:
                if time.monotonic() + LOOK_S > until:
                    raise
                await asyncio.sleep(LOOK_S)  # a node that is started again brings its room back

    async def _start(self, place: Place, until: float) -> Any:
        """An actor whose desktops are there.

        Raises:
            NoRoom: its node has gone meanwhile.
            DesktopLost: it does not come up, or must not be used.
        """
        options = ray.remote(DesktopActor).options(num_cpus=0, max_restarts=0, resources=place.reserved)
        # Ray's types do not know the methods of an actor's handle.
        actor: Any = options.remote(self._config, self.size, marks_of_process())
        begun = asyncio.ensure_future(_settled(actor.begin.remote()))
        try:
            while not (await asyncio.wait({begun}, timeout=LOOK_S))[0]:
                if not stands(place, living_nodes()):
                    raise NoRoom(f"the node {place.resources[0]} is gone")
                if time.monotonic() > until:
                    raise DesktopLost(f"{self.name} did not start as a Ray actor within {START_TIMEOUT_S:g} s")
            self.pid, self.node, self.machine, there = begun.result()
            refuse_other_versions(self.name, here=versions(), there=there)
        except BaseException as error:
            begun.cancel()
            ray.kill(actor)
            if isinstance(error, RayError):
                raise DesktopLost(f"{self.name} cannot start as a Ray actor: {error}") from error
            raise
        return actor

    async def close(self) -> None:
        """Kill the actor; what waits for it is lost. Its room on the node may then be somebody else's."""
        self._place = self._fixed
        actor, self._actor = self._actor, None
        pump, self._pump = self._pump, None
        if actor is not None:
            with contextlib.suppress(RayError):
                ray.kill(actor)
        if pump is not None:
            # Ray may take half a minute to say that a node is gone; the next actor's calls do not wait for that.
            pump.cancel()
        self._lose(list(self._waiting), f"{self.name} was closed")
        self._waiting.clear()

    async def _send_waiting(self, actor: Any) -> None:
        while self._waiting:
            calls = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
            try:
                answers = await _settled(actor.run.remote([(call.index, call.request) for call in calls]))
            except asyncio.CancelledError:
                _fail(calls, f"{self.name} was closed")
                raise
            except RayError as error:
                self._lose(calls, f"{self.name} (actor process {self.pid}) has died: {type(error).__name__}")
                return
            for call, given in zip(calls, answers, strict=True):
                _settle(call, given)

    def _lose(self, calls: Sequence[_Call], reason: str) -> None:
        waiting = [*calls, *self._waiting]
        self._waiting.clear()
        _fail(waiting, reason)


async def _settled(reference: Any) -> Any:
    """The value behind a reference; Ray wakes this event loop when it is there."""
    try:
        return await reference
    except GetTimeoutError as error:
        raise TimeoutError(str(error)) from error


def _fail(calls: Sequence[_Call], reason: str) -> None:
    for call in calls:
        if not call.answer.done():
            call.answer.set_exception(DesktopLost(reason))


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
