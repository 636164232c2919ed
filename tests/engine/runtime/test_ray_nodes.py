"""A cluster of several nodes, started as ARPO starts them: desktops stand where their resources are, and move."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import ray
from ray._private import services
from ray.cluster_utils import Cluster

from arpo_engine.contract.config.desktops import PocketDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.host import Reset
from arpo_engine.runtime.cluster import desktops as ray_desktops
from arpo_engine.runtime.cluster.executor import RayExecutor
from arpo_engine.tasks import load_split

TASKS = load_split("configs/tasks/pocket", "train")
PATIENCE_S = 180.0
"""Longest wait for what must come: as long as an actor may take to start. Nothing waits longer than it has to."""
EAST, WEST = "docker:10.0.0.2", "docker:10.0.0.3"


@pytest.fixture(scope="module")
def patience() -> Iterator[None]:
    """On a machine with something else to do Ray's own limits would be what is measured here: its workers have the
    least priority there is (nice 15 more than its own), and a node that is not known in half a minute is given up."""
    known = services.get_node

    def known_some_day(*arguments: str) -> object:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return known(*arguments)
            except RuntimeError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")
        patch.setattr(services, "get_node", known_some_day)
        yield


@pytest.fixture(scope="module")
def cluster(patience: None) -> Iterator[Cluster]:
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **ports()})
    made.add_node(num_cpus=1, resources={EAST: 4}, **ports())
    ray.init(address=made.address, log_to_driver=False, configure_logging=False)
    yield made
    ray.shutdown()
    made.shutdown()


def test_desktops_reserve_their_place_and_give_it_back(cluster: Cluster):
    async def main() -> None:
        executor = RayExecutor()
        hosts = await executor.start_desktops(PocketDesktopsConfig(count=3, per_process=2))
        try:
            await soon(lambda: free(EAST) == 1)
            seen = await hosts[0].call(0, Reset(TASKS[0]))
            assert seen.pixels.shape == (168, 224, 3)
            with pytest.raises(DesktopLost, match=rf"room for 1 \({EAST} has 1\)"):
                await RayExecutor().start_desktops(PocketDesktopsConfig(count=2))
        finally:
            await executor.close()
        await soon(lambda: free(EAST) == 4)

    asyncio.run(main())


def test_desktops_of_a_dead_node_move_to_another_one(cluster: Cluster):
    async def main() -> None:
        west = cluster.add_node(num_cpus=1, resources={WEST: 8, "desktop": 8}, **ports())
        await soon(lambda: (free(EAST), free(WEST), free("desktop")) == (4, 8, 8))
        executor = RayExecutor()
        hosts = await executor.start_desktops(PocketDesktopsConfig(count=6, per_process=3))
        try:
            await soon(lambda: (free(EAST), free(WEST), free("desktop")) == (1, 5, 5))
            await asyncio.to_thread(cluster.remove_node, west)
            await soon(lambda: not lives(WEST))
            (lost,) = [host for host in hosts if not await answers(host)]
            with pytest.raises(DesktopLost, match="no other has room"):
                await executor_without_patience(lost)
            cluster.add_node(num_cpus=1, resources={"desktop": 3}, **ports())
            await lost.restart()
            assert await answers(lost)
        finally:
            await executor.close()

    asyncio.run(main())


def test_a_node_with_another_version_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    here = ray_desktops.versions()
    monkeypatch.setattr(ray_desktops, "versions", lambda: {**here, "numpy": "1.0"})
    with pytest.raises(DesktopLost, match=rf"has numpy {here['numpy']}, not 1.0; run ./arpo setup there"):
        asyncio.run(RayExecutor().start_desktops(PocketDesktopsConfig(count=1)))


def test_desktops_beyond_the_least_are_started_where_there_is_room_and_give_it_back(cluster: Cluster):
    async def main() -> None:
        executor = RayExecutor()
        await soon(lambda: taken() == 0)
        first, second = await executor.start_desktops(PocketDesktopsConfig(count=2, min_count=1, per_process=1))
        try:
            await soon(lambda: taken() == 1)
            assert second.machine == "", "it is nowhere yet"
            await second.restart()
            assert await answers(first) and await answers(second)
            await soon(lambda: taken() == 2)
            await second.close()
            await soon(lambda: taken() == 1)
        finally:
            await executor.close()

    asyncio.run(main())


def ports() -> dict[str, int]:
    """Of a node's agent. A node that is to learn them from it ends itself where the agent takes 15 seconds to begin."""
    names = ("metrics_agent_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        return {name: one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}


def taken() -> float:
    """Desktops that somebody has reserved."""
    everything = ray.cluster_resources()
    return sum(everything.get(name, 0.0) - free(name) for name in (EAST, "desktop"))


async def executor_without_patience(host) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_desktops, "START_TIMEOUT_S", 1.0)
        await host.restart()


async def answers(host) -> bool:
    try:
        await asyncio.wait_for(host.call(0, Reset(TASKS[0])), PATIENCE_S)
    except DesktopLost:
        return False
    return True


def lives(name: str) -> bool:
    """Whether Ray takes the node with this resource for one that is there."""
    return any(node["Alive"] and name in node["Resources"] for node in ray.nodes())


def free(name: str) -> float:
    return ray.available_resources().get(name, 0.0)


async def soon(holds: Callable[[], bool]) -> None:
    """Ray tells of what has changed after a while, and of a dead node after half a minute."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, ray.available_resources()
        await asyncio.sleep(0.1)
