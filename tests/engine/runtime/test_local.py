"""Desktops in a child process: the real pocket desktop behind a real socket, and what happens when it is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import psutil
import pytest

from arpo_engine.contract.actions import Click, Finished
from arpo_engine.contract.config.desktops import PocketDesktopsConfig
from arpo_engine.contract.errors import DesktopLost, SetupFailed
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.contract.tasks import SetupStep, Task
from arpo_engine.desktops.host import Act, Reset, Score
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.runtime.executor import split_evenly
from arpo_engine.runtime.local import LocalExecutor, LocalHost
from arpo_engine.tasks import load_split

TASKS = load_split("configs/tasks/pocket", "train")


def with_desktops(work: Callable[[LocalHost], Awaitable[None]], count: int = 2) -> None:
    async def main() -> None:
        executor = LocalExecutor()
        try:
            (host,) = await executor.start_desktops(PocketDesktopsConfig(count=count))
            await work(host)
        finally:
            await executor.close()

    asyncio.run(main())


def test_a_desktop_in_a_child_process_is_reset_used_and_scored():
    async def work(host: LocalHost) -> None:
        seen = await host.call(0, Reset(TASKS[0]))
        assert seen.pixels.shape == (168, 224, 3)
        after = await host.call(0, Act(Click(x=14, y=14)))
        assert after.pixels.shape == seen.pixels.shape
        assert await host.call(0, Score(Finished())) == 0.0

    with_desktops(work)


def test_several_desktops_answer_at_once_each_with_its_own_task():
    async def work(host: LocalHost) -> None:
        seen = await asyncio.gather(*(host.call(index, Reset(TASKS[index])) for index in range(4)))
        again = await asyncio.gather(*(host.call(index, Reset(TASKS[index])) for index in range(4)))
        assert all((one.pixels == other.pixels).all() for one, other in zip(seen, again, strict=True))
        assert len({one.pixels.tobytes() for one in seen}) > 1

    with_desktops(work, count=4)


def test_what_a_desktop_raises_on_purpose_arrives_as_itself_and_the_process_lives_on():
    async def work(host: LocalHost) -> None:
        odd = Task.model_validate({**TASKS[0].model_dump(), "config": [SetupStep(type="no such step")]})
        with pytest.raises(SetupFailed):
            await host.call(0, Reset(odd))
        await host.call(0, Reset(TASKS[0]))

    with_desktops(work)


def test_a_killed_child_is_noticed_at_once_and_can_be_started_again():
    async def work(host: LocalHost) -> None:
        await host.call(0, Reset(TASKS[0]))
        first = host.pid
        os.kill(first, signal.SIGSTOP)  # so that the call below is still waiting when its process dies
        waiting = asyncio.create_task(host.call(0, Act(Click(x=1, y=1))))
        await asyncio.sleep(0)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(DesktopLost, match="has died"):
            await asyncio.wait_for(waiting, 10)
        with pytest.raises(DesktopLost, match="has died"):
            await host.call(0, Reset(TASKS[0]))
        await host.restart()
        assert host.pid != first
        await host.call(0, Reset(TASKS[0]))

    with_desktops(work)


def test_the_pool_replaces_a_killed_process():
    async def work(host: LocalHost) -> None:
        sink = MemorySink()
        pool = DesktopPool([host], reset_timeout_s=30.0, step_timeout_s=30.0, restarts=2, sink=sink)
        lease = await pool.lease()
        await lease.reset(TASKS[0])
        os.kill(host.pid, signal.SIGKILL)
        with pytest.raises(DesktopLost):
            while True:
                await lease.step(Click(x=1, y=1))
        pool.give_back(lease)
        fresh = await pool.lease()
        await fresh.reset(TASKS[0])
        (event,) = sink.events
        assert (event.fault, "has died" in event.message) == (Fault.DESKTOP_LOST, True)

    with_desktops(work)


def test_closing_leaves_no_process_behind():
    pids: list[int] = []

    async def work(host: LocalHost) -> None:
        pids.append(host.pid)

    with_desktops(work)
    assert not psutil.pid_exists(pids[0])


def test_a_child_that_stopped_reading_does_not_hold_up_the_engine():
    async def work(host: LocalHost) -> None:
        await host.call(0, Reset(TASKS[0]))
        os.kill(host.pid, signal.SIGSTOP)
        long = TASKS[0].model_copy(update={"instruction": "word " * 2_000})
        waiting = [asyncio.create_task(host.call(index % 2, Reset(long))) for index in range(100)]
        await asyncio.wait_for(asyncio.sleep(0), 5)  # the event loop still turns
        os.kill(host.pid, signal.SIGKILL)
        found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
        assert all(isinstance(item, DesktopLost) for item in found)

    with_desktops(work)


def test_desktops_end_when_the_engine_is_killed():
    script = (
        "import asyncio\n"
        "from arpo_engine.contract.config.desktops import PocketDesktopsConfig\n"
        "from arpo_engine.runtime.local import LocalHost\n"
        "async def main():\n"
        "    host = LocalHost('pocket-0', PocketDesktopsConfig(), 1)\n"
        "    await host.restart()\n"
        "    print(host.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    engine = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(engine.stdout.readline()))
    engine.kill()
    engine.wait()
    _, alive = psutil.wait_procs([child], timeout=30)
    assert not alive


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_child_that_cannot_start_says_why():
    async def main() -> None:
        host = LocalHost("odd-0", PocketDesktopsConfig.model_construct(kind="no-such-kind"), 1)
        try:
            with pytest.raises(DesktopLost, match=r"odd-0 .*died"):
                await host.restart()
        finally:
            await host.close()

    asyncio.run(main())


def test_the_child_does_not_load_torch():
    async def work(host: LocalHost) -> None:
        await host.call(0, Reset(TASKS[0]))
        mapped = {entry.path for entry in psutil.Process(host.pid).memory_maps()}
        assert not [path for path in mapped if "torch" in path]

    with_desktops(work)


@pytest.mark.parametrize(
    ("count", "most", "sizes"), [(64, 64, [64]), (65, 64, [33, 32]), (10, 4, [4, 3, 3]), (1, 64, [1])]
)
def test_desktops_are_spread_evenly(count: int, most: int, sizes: list[int]):
    assert split_evenly(count, most) == sizes
