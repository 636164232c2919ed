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
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from ray.exceptions import GetTimeoutError, RayError

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.contract.errors import ArpoError, DesktopLost
from arpo_engine.desktops.docker.labels import marks_of_process
from arpo_engine.desktops.host import Answer, DesktopHost, Request
from arpo_engine.runtime.desktop_process import answer
from arpo_engine.runtime.placement import (
    DesktopNode,
    NoRoom,
    Place,
    another_place,
    desktop_nodes,
    place,
    refuse_other_versions,
    stands,
)
from arpo_engine.runtime.provenance import REPOSITORY, versions
from arpo_engine.runtime.rows import build_row
from arpo_engine.types import Observation

if TYPE_CHECKING:
    from arpo_engine.trainer.rank_wire import RankGroup

log = logging.getLogger(__name__)

START_TIMEOUT_S = 180.0
"""A worker process of Ray imports Ray first; on a laptop with much to do that alone may take a minute."""
TOGETHER = 16
"""Most calls in one message: enough to make its cost small, few enough that the first answers do not wait for all."""
LOOK_S = 2.0
"""How often somebody who waits for an actor looks whether its node still lives; Ray itself would wait for ever."""
RAY_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Variable that Ray sets in the driver of a job, whose code has come with it."""


class DesktopActor:
    """The body of a desktop actor; the same row of desktops as in a child process."""

    def __init__(self, config: DesktopsConfig, count: int, marks: Mapping[str, str]) -> None:
        os.environ.update(marks)
        self._row = build_row(config, count)

    def begin(self) -> tuple[int, str, str, dict[str, str]]:
        """Process id, node, machine, and the versions of what is there; also the sign that the desktops are there."""
        return os.getpid(), _own_node(), socket.gethostname(), versions()

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

    def __init__(self, name: str, config: DesktopsConfig, place: Place) -> None:
        self.name = name
        self.size = place.size
        self.machine = ""
        self.pid: int | None = None
        self.node = ""
        """Id of the node that it runs on."""
        self._config = config
        self._place = place
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
        await self.close()
        until = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._place = another_place(self._place, _nodes())
                self._actor = await self._start(until)
                return
            except NoRoom:
                if time.monotonic() + LOOK_S > until:
                    raise
                await asyncio.sleep(LOOK_S)  # a node that is started again brings its room back

    async def _start(self, until: float) -> Any:
        """An actor whose desktops are there.

        Raises:
            NoRoom: its node has gone meanwhile.
            DesktopLost: it does not come up, or must not be used.
        """
        options = ray.remote(DesktopActor).options(num_cpus=0, max_restarts=0, resources=self._place.reserved)
        # Ray's types do not know the methods of an actor's handle.
        actor: Any = options.remote(self._config, self.size, marks_of_process())
        begun = asyncio.ensure_future(_settled(actor.begin.remote()))
        try:
            while not (await asyncio.wait({begun}, timeout=LOOK_S))[0]:
                if not stands(self._place, _nodes()):
                    raise NoRoom(f"the node {self._place.resources[0]} is gone")
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
        """Kill the actor; what waits for it is lost."""
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


class RankCluster:
    """Implements `ray_ranks.Cluster` on the cluster that this process has joined."""

    def gpus(self) -> int:
        """See `Cluster`."""
        untyped: Any = ray
        return int(untyped.cluster_resources().get("GPU", 0))

    def actor(self, kind: type, gpus: int) -> Any:
        """See `Cluster`."""
        remote: Any = ray.remote(kind)
        return remote.options(num_cpus=0, num_gpus=gpus, max_restarts=0).remote(ray.util.get_node_ip_address)

    def kill(self, actor: Any) -> None:
        """See `Cluster`."""
        with contextlib.suppress(RayError):
            ray.kill(actor)

    def keep(self, value: object) -> Any:
        """See `Cluster`."""
        return ray.put(value)

    def some_of(self, references: list[Any], timeout_s: float) -> list[Any]:
        """See `Cluster`."""
        there: list[Any] = ray.wait(references, num_returns=1, timeout=timeout_s)[0]
        return there

    def value(self, reference: Any) -> Any:
        """See `Cluster`."""
        try:
            return ray.get(reference)
        except RayError as error:
            raise OSError(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}") from error


class RayExecutor:
    """Implements `Executor` on the cluster that `RAY_ADDRESS` or the surrounding job names, else on a local one."""

    def __init__(self) -> None:
        self._hosts: list[RayHost] = []
        self._ranks: RankGroup | None = None
        self._connected = False
        self._node = ""

    @property
    def pids(self) -> list[int]:
        """Processes of the actors on this machine, for telemetry; elsewhere such a number is another process."""
        return [host.pid for host in self._hosts if host.pid is not None and host.node == self._node]

    async def start_desktops(self, config: DesktopsConfig) -> Sequence[DesktopHost]:
        """Start all desktop actors side by side."""
        self._join()
        self._node = _own_node()
        places = place(config.count, config.per_process, _nodes())
        self._hosts = [RayHost(f"{config.kind}-{number}", config, where) for number, where in enumerate(places)]
        await asyncio.gather(*(host.restart() for host in self._hosts))
        return self._hosts

    def gpus(self) -> tuple[int, str]:
        """Of all machines of the cluster."""
        self._join()
        return RankCluster().gpus(), "the cluster"

    async def start_ranks(self, config: RunConfig) -> RankGroup:
        """As actors, one GPU each where the cluster has GPUs."""
        # Only here: desktop actors do without torch.
        from arpo_engine.runtime.ray_ranks import RayRanks

        self._join()
        self._ranks = ranks = RayRanks(config, RankCluster())
        await asyncio.to_thread(ranks.open)
        return ranks

    async def close(self) -> None:
        """Kill the actors, and leave the cluster if this executor joined it."""
        if self._ranks is not None:
            await asyncio.to_thread(self._ranks.close)
        await asyncio.gather(*(host.close() for host in self._hosts))
        if self._connected:
            self._connected = False
            ray.shutdown()

    def _join(self) -> None:
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False, runtime_env=_own_code())
            self._connected = True


def _own_node() -> str:
    return str(ray.get_runtime_context().get_node_id())


def _nodes() -> list[DesktopNode]:
    """The living nodes for desktops."""
    living = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return desktop_nodes(living, ray.available_resources())


def _own_code() -> dict[str, Any]:
    """What the nodes of a cluster need to run our actors: this package. A job brings it, and one machine has it."""
    if RAY_JOB in os.environ or not os.environ.get("RAY_ADDRESS"):
        return {}
    return {"py_modules": [str(REPOSITORY / "arpo_engine")], "excludes": ["__pycache__", "*.pyc"]}


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
