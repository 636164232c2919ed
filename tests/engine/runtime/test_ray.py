"""Desktops as Ray actors, on a Ray of this test's own: the same rows, the same faults."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest
import ray

from arpo_engine.contract.actions import Click, Finished
from arpo_engine.contract.config.desktops import PocketDesktopsConfig
from arpo_engine.contract.errors import DesktopLost, SetupFailed
from arpo_engine.contract.tasks import SetupStep, Task
from arpo_engine.desktops.host import Act, Reset, Score
from arpo_engine.runtime.cluster.desktops import RayHost
from arpo_engine.runtime.cluster.executor import RayExecutor
from arpo_engine.tasks import load_split

TASKS = load_split("configs/tasks/pocket", "train")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_desktops_are_used_together_and_a_dead_actor_is_noticed_and_replaced():
    async def main() -> None:
        executor = RayExecutor()
        (host,) = await executor.start_desktops(PocketDesktopsConfig(count=3))
        assert isinstance(host, RayHost)
        try:
            await use(host)
            await lose(host)
            await use(host)
            assert executor.pids == [host.pid]
        finally:
            await executor.close()
        assert ray.is_initialized(), "a cluster that was there before stays"

    asyncio.run(main())


async def use(host: RayHost) -> None:
    seen = await asyncio.gather(*(host.call(index, Reset(TASKS[index])) for index in range(3)))
    assert all(item.pixels.shape == (168, 224, 3) and item.pixels.flags.writeable for item in seen)
    await host.call(0, Act(Click(x=14, y=14)))
    assert await host.call(0, Score(Finished())) == 0.0
    odd = Task.model_validate({**TASKS[0].model_dump(), "config": [SetupStep(type="no such step")]})
    with pytest.raises(SetupFailed):
        await host.call(1, Reset(odd))


async def lose(host: RayHost) -> None:
    first = host.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(DesktopLost, match="has died"):
        await asyncio.wait_for(host.call(0, Act(Click(x=1, y=1))), 60)
    await host.restart()
    assert host.pid != first
