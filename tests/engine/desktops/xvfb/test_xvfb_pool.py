"""Desktops of this host in the hands of the pool: a lost one has a name and a successor, and nothing is left behind."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from arpo_engine.contract.actions import Click, Fail
from arpo_engine.contract.config.desktops import XvfbDesktopsConfig
from arpo_engine.contract.errors import DesktopLost, TaskError
from arpo_engine.contract.events import FaultNoticed
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.contract.tasks import Evaluator, Task
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.runtime.local import LocalExecutor, LocalHost
from arpo_engine.tasks.osworld.home import scoring_home

CONFIG = XvfbDesktopsConfig(count=1, width=1024, height=768, spares=1, pause_s=0.0, settle_s=0.0, home_mb=16)
TASK = Task(id="nothing-to-do", instruction="Fly", evaluator=Evaluator(func="infeasible"))


def servers(host: LocalHost) -> list[psutil.Process]:
    assert host.pid is not None
    return [one for one in psutil.Process(host.pid).children(recursive=True) if "serve" in one.cmdline()]


def test_a_killed_desktop_is_noticed_by_name_and_replaced() -> None:
    try:
        scoring_home()
    except TaskError as error:
        pytest.skip(str(error))

    async def main() -> None:
        executor, sink = LocalExecutor(), MemorySink()
        hosts = await executor.start_desktops(CONFIG)
        pool = DesktopPool(hosts, reset_timeout_s=60, step_timeout_s=60, restarts=2, sink=sink)
        (host,) = hosts
        assert isinstance(host, LocalHost)
        lease = await pool.lease(TASK)
        await lease.reset(TASK)
        for server in servers(host):
            server.kill()
        with pytest.raises(DesktopLost, match=r"xvfb:\d+"):
            await lease.step(Click(x=1, y=1))
        pool.give_back(lease)
        lease = await pool.lease(TASK)
        await lease.reset(TASK)
        assert await lease.score(Fail()) == 1.0
        (notice,) = [event for event in sink.events if isinstance(event, FaultNoticed)]
        assert notice.fault is Fault.DESKTOP_LOST
        assert host.pid is not None
        everything = psutil.Process(host.pid).children(recursive=True)
        assert len(everything) > 10
        await pool.close()
        await executor.close()
        _, alive = psutil.wait_procs(everything, timeout=15)
        assert not alive

    asyncio.run(main())
