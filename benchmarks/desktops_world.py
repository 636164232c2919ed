"""The desktops that are measured: their providers, hosts for the production pool, and their processes on this host."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import psutil

from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.contract.config.desktops import PocketDesktopsConfig, XvfbDesktopsConfig
from arpo_engine.contract.errors import EvaluatorError
from arpo_engine.contract.tasks import Evaluator, Task
from arpo_engine.desktops.docker.engine import connect
from arpo_engine.desktops.docker.provider import DockerMachine, DockerProvider
from arpo_engine.desktops.host import Answer, DesktopHost, Request, carry_out
from arpo_engine.desktops.machines import Address, FreshMachines, Machine, Provider
from arpo_engine.desktops.osworld import RealDesktop
from arpo_engine.desktops.real_row import RealDesktopRow
from arpo_engine.desktops.xvfb.provider import XvfbMachine, XvfbProvider
from arpo_engine.runtime.local import LocalExecutor
from arpo_engine.runtime.provenance import REPOSITORY
from arpo_engine.tasks import load_split

KINDS = ("docker", "xvfb", "pocket")
REQUEST_TIMEOUT_S = 10.0
"""Also the longest that a frozen desktop holds up its episode."""
START_TIMEOUT_S = 60.0


class NoKeeper:
    """Implements `TaskKeeper` for episodes that set nothing up and score nothing: desktops alone are measured."""

    def setup(self, task: Task, address: Address, screen: tuple[int, int]) -> None:
        """Nothing."""

    def score(self, task: Task, address: Address, *, failed: bool) -> float:
        """Nothing."""
        raise EvaluatorError("nothing is scored here")

    def close(self) -> None:
        """Holds nothing."""


class RowHost:
    """Implements `DesktopHost` with one desktop in this process, so that every machine can be seen from here."""

    size = 1

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.machine = socket.gethostname()
        self._world = world
        self._row: RealDesktopRow | None = None
        self._machines: FreshMachines | None = None
        self._desktop: RealDesktop | None = None
        self._thread = ThreadPoolExecutor(1)

    @property
    def present(self) -> Machine | None:
        """The desktop of the present episode."""
        return self._desktop._machine if self._desktop is not None else None

    def hang_up(self) -> None:
        """Close the connection to the server of the present desktop; the next request makes a new one."""
        client = self._desktop._client if self._desktop is not None else None
        if client is not None:
            client.close()

    async def call(self, index: int, request: Request) -> Answer:
        """See `DesktopHost.call`."""
        row = self._row
        assert row is not None, "the pool starts a host before it leases it"
        return await asyncio.get_running_loop().run_in_executor(self._thread, carry_out, row, index, request)

    async def restart(self) -> None:
        """A new row of one."""
        await self.close()
        assert self._world.provider is not None, "pocket desktops have processes of their own"
        self._machines = FreshMachines(self._world.provider, spares=1)
        self._desktop = RealDesktop(
            self._machines, NoKeeper(), request_timeout_s=REQUEST_TIMEOUT_S, pause_s=0.0, settle_s=0.0
        )
        self._row = RealDesktopRow([self._desktop], self._machines, NoKeeper())
        await asyncio.get_running_loop().run_in_executor(None, self._machines.fill, START_TIMEOUT_S)

    async def close(self) -> None:
        """End the row."""
        row, self._row = self._row, None
        if row is not None:
            await asyncio.get_running_loop().run_in_executor(None, row.close)


@dataclass(slots=True)
class World:
    """One kind of desktop on this machine."""

    kind: str
    provider: Provider | None
    """None for pocket desktops, which have no machines."""
    tasks: Sequence[Task]

    @classmethod
    def of(cls, kind: str) -> Self:
        """The kind with its defaults, but no wait after an action.

        Raises:
            DesktopLost: this machine cannot have it.
        """
        if kind == "pocket":
            return cls(kind, None, load_split(REPOSITORY / "configs" / "tasks" / "pocket", "train"))
        provider: Provider = (
            DockerProvider(DockerDesktopsConfig(start_timeout_s=START_TIMEOUT_S))
            if kind == "docker"
            else XvfbProvider(XvfbDesktopsConfig(start_timeout_s=START_TIMEOUT_S))
        )
        provider.start().close()
        return cls(kind, provider, [Task(id="nothing", instruction="-", evaluator=Evaluator(func="infeasible"))])

    async def hosts(self, count: int) -> Sequence[DesktopHost]:
        """So many desktops for a pool, each in a process or a thread of its own."""
        if self.provider is None:
            return await LocalExecutor().start_desktops(PocketDesktopsConfig(count=count, per_process=1))
        hosts = [RowHost(f"{self.kind}-{number}", self) for number in range(count)]
        await asyncio.gather(*(host.restart() for host in hosts))
        return hosts


def processes(machine: Machine) -> list[psutil.Process]:
    """Everything that runs in a machine, the first process first. What ends meanwhile is left out."""
    if isinstance(machine, DockerMachine):
        pid = int(connect().inspect_container(machine.container)["State"]["Pid"])
    else:
        assert isinstance(machine, XvfbMachine), "the two kinds that have machines here"
        pid = machine.process.pid
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def megabytes(found: Iterable[psutil.Process]) -> float | None:
    """Proportional memory; None where we may not look, as they belong to another user and we are not root."""
    total = 0
    for process in found:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
        except (psutil.AccessDenied, AttributeError):
            return None
    return round(total / 2**20, 1)
