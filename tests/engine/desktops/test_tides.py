"""More desktops while episodes wait, fewer when they idle, never beyond the bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from arpo_engine.contract.config.desktops import PocketDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.contract.events import DesktopsSeen, FaultNoticed, LogWritten
from arpo_engine.contract.fleet import DesktopPhase
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.desktops.tides import Bounds, needed
from arpo_engine.desktops.watch import PoolWatch
from tests.engine.fakes import ClickingDesktops, make_task

NEVER_S = 3600.0
AT_ONCE_S = 1e-9

Work = Callable[[DesktopPool, PoolWatch, list[ClickingDesktops], MemorySink], Awaitable[None]]


def tidal(work: Work, *, least: int = 1, hosts: int = 3, idle_s: float = NEVER_S, restarts: int = 1) -> MemorySink:
    """A pool of one desktop a process, of which `least` run."""

    async def main() -> MemorySink:
        rows = [ClickingDesktops(f"fake-{number}", 1) for number in range(hosts)]
        sink = MemorySink()
        bounds = Bounds(least=least, idle_s=idle_s)
        pool = DesktopPool(rows, reset_timeout_s=5.0, step_timeout_s=5.0, restarts=restarts, sink=sink, bounds=bounds)
        async with PoolWatch(pool, sink, every_s=1e-9) as watch:
            await work(pool, watch, rows, sink)
        await pool.close()
        return sink

    return asyncio.run(main())


def phases(pool: DesktopPool) -> list[DesktopPhase]:
    return [slot.seats[0].phase for slot in pool.slots]


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not met():
            await asyncio.sleep(0)


def test_only_the_least_run_until_an_episode_waits():
    async def work(pool, watch, rows, sink) -> None:
        assert phases(pool) == [DesktopPhase.SPARE, DesktopPhase.ASLEEP, DesktopPhase.ASLEEP]
        assert pool.size == 3
        first = await pool.lease()
        watch.look()
        assert [row.restarts for row in rows] == [0, 0, 0], "nobody waits"
        second = asyncio.create_task(pool.lease())
        await until(lambda: pool.waiting == 1)
        watch.look()
        watch.look()
        lease = await second
        assert (first.name, lease.name) == ("fake-0/0", "fake-1/0")
        assert [row.restarts for row in rows] == [0, 1, 0], "one waits, and one was started"
        await lease.reset(make_task())

    sink = tidal(work)
    assert any("1 more desktops, as 1 episodes waited" in e.message for e in sink.events if isinstance(e, LogWritten))


def test_never_more_than_all_and_those_that_wait_get_theirs():
    async def work(pool, watch, rows, sink) -> None:
        waiting = [asyncio.create_task(pool.lease()) for _ in range(5)]
        await until(lambda: pool.waiting == 4)
        watch.look()
        await until(lambda: pool.waiting == 2)
        watch.look()
        assert [row.restarts for row in rows] == [0, 1, 1]
        for task in waiting:
            lease = await task
            pool.give_back(lease)

    tidal(work)


def test_those_that_idle_are_ended_down_to_the_least_and_come_back():
    async def work(pool, watch, rows, sink) -> None:
        leases = [pool.lease() for _ in range(3)]
        tasks = [asyncio.create_task(lease) for lease in leases]
        await until(lambda: pool.waiting == 2)
        watch.look()
        held = await asyncio.gather(*tasks)
        for lease in held:
            pool.give_back(lease)
        watch.look()  # they idle from here on
        watch.look()
        assert phases(pool) == [DesktopPhase.SPARE, DesktopPhase.ASLEEP, DesktopPhase.ASLEEP]
        await until(lambda: rows[1].closed and rows[2].closed)
        assert not rows[0].closed
        assert (await pool.lease()).name == "fake-0/0"
        again = asyncio.create_task(pool.lease())
        await until(lambda: pool.waiting == 1)
        watch.look()
        assert (await again).name == "fake-1/0"

    sink = tidal(work, idle_s=AT_ONCE_S)
    seen = [desktop.phase for event in sink.events if isinstance(event, DesktopsSeen) for desktop in event.desktops]
    assert DesktopPhase.ASLEEP in seen


def test_one_that_is_prepared_for_a_task_or_held_is_not_ended():
    async def work(pool, watch, rows, sink) -> None:
        tasks = [asyncio.create_task(pool.lease()) for _ in range(3)]
        await until(lambda: pool.waiting == 2)
        watch.look()
        held = await asyncio.gather(*tasks)
        await pool.prepare(held[2], make_task("next"))
        pool.give_back(held[0])
        for _ in range(3):
            watch.look()
        assert phases(pool) == [DesktopPhase.ASLEEP, DesktopPhase.RESETTING, DesktopPhase.SPARE]
        assert (await pool.lease(make_task("next"))).prepared_for == "next"

    tidal(work, idle_s=AT_ONCE_S)


def test_one_that_does_not_start_is_told_of_rests_and_is_given_up_in_the_end():
    async def work(pool, watch, rows, sink) -> None:
        await pool.lease()
        rows[1].broken_restarts = 9
        waits = asyncio.create_task(pool.lease())
        await until(lambda: pool.waiting == 1)
        await until(lambda: pool.slots[1].given_up)
        assert rows[1].restarts == 2, "restarts = 1"
        with pytest.raises(DesktopLost, match="no desktop is left"):
            pool.slots[0].draining = True
            pool._queue.wake_all()
            await waits

    sink = tidal(work, hosts=2, idle_s=AT_ONCE_S)
    told = [event.message for event in sink.events if isinstance(event, FaultNoticed)]
    assert "it does not come up; it was to serve episodes that wait" in told[0]
    assert "given up" in told[1]


def test_desktops_that_a_person_took_out_are_not_started_for_those_that_wait():
    async def work(pool, watch, rows, sink) -> None:
        pool.slots[1].seats[0].barred = True
        await pool.lease()
        second = asyncio.create_task(pool.lease())
        await until(lambda: pool.waiting == 1)
        watch.look()
        assert (await second).name == "fake-2/0"
        assert [row.restarts for row in rows] == [0, 0, 1]

    tidal(work)


def test_bounds_are_those_of_the_config_and_all_by_default():
    assert PocketDesktopsConfig(count=6).least == 6
    assert PocketDesktopsConfig(count=6, min_count=2).least == 2
    with pytest.raises(ValueError, match=r"min_count is 7 and count is 6.*lower min_count or raise count"):
        PocketDesktopsConfig(count=6, min_count=7)


@pytest.mark.parametrize(("least", "expected"), [(1, 1), (4, 1), (5, 2), (9, 3)])
def test_processes_are_counted_by_their_desktops(least: int, expected: int):
    assert needed([4, 4, 2], least) == expected
