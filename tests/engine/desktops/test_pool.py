"""Leasing, and healing what was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.contract.events import FaultNoticed
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.host import Reset
from arpo_engine.desktops.pool import DesktopPool
from tests.engine.fakes import ClickingDesktops, make_task


def with_pool(
    work: Callable[[DesktopPool, list[ClickingDesktops], MemorySink], Awaitable[None]],
    *sizes: int,
    restarts: int = 2,
) -> list[ClickingDesktops]:
    async def main() -> list[ClickingDesktops]:
        hosts = [ClickingDesktops(f"fake-{number}", size) for number, size in enumerate(sizes)]
        sink = MemorySink()
        pool = DesktopPool(hosts, reset_timeout_s=5.0, step_timeout_s=5.0, restarts=restarts, sink=sink)
        await work(pool, hosts, sink)
        await pool.close()
        return hosts

    return asyncio.run(main())


def dies(index: int, request: object) -> None:
    if isinstance(request, Reset):
        raise DesktopLost("the process has died")


def lives(index: int, request: object) -> None:
    return None


def test_a_desktop_is_held_by_one_episode_at_a_time():
    async def work(pool, hosts, sink) -> None:
        first, second = await pool.lease(), await pool.lease()
        assert first.name != second.name
        third = asyncio.create_task(pool.lease())
        await asyncio.sleep(0)
        assert not third.done()
        pool.give_back(first)
        assert (await third).name == first.name

    with_pool(work, 2)


def test_a_dead_process_is_replaced_once_and_its_leases_are_dead():
    async def work(pool, hosts, sink) -> None:
        hosts[0].trouble = dies
        one, other = await pool.lease(), await pool.lease()
        with pytest.raises(DesktopLost, match="the process has died"):
            await one.reset(make_task())
        with pytest.raises(DesktopLost, match="lost with its process"):
            await other.reset(make_task())
        hosts[0].trouble = lives
        pool.give_back(one)
        pool.give_back(other)
        fresh = await pool.lease()
        await fresh.reset(make_task())
        assert hosts[0].restarts == 1
        (event,) = [event for event in sink.events if isinstance(event, FaultNoticed)]
        assert (event.fault, event.desktop) == (Fault.DESKTOP_LOST, "fake-0")
        assert "started again" in event.message

    with_pool(work, 2)


def test_others_go_on_while_one_process_heals():
    async def work(pool, hosts, sink) -> None:
        hosts[0].trouble = dies
        leases = [await pool.lease(), await pool.lease()]
        broken = next(lease for lease in leases if lease.name.startswith("fake-0"))
        healthy = next(lease for lease in leases if lease.name.startswith("fake-1"))
        with pytest.raises(DesktopLost):
            await broken.reset(make_task())
        await healthy.reset(make_task())
        assert healthy.alive

    with_pool(work, 1, 1)


def test_a_process_that_never_comes_up_is_given_up_and_everybody_is_told():
    async def work(pool, hosts, sink) -> None:
        hosts[0].trouble = dies
        hosts[0].broken_restarts = 99
        lease = await pool.lease()
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())
        with pytest.raises(DesktopLost, match=r"no desktop is left.*preflight"):
            await pool.lease()
        assert pool.size == 0
        assert "given up" in sink.events[-1].message

    (host,) = with_pool(work, 1, restarts=2)
    assert host.restarts == 2


def test_a_good_episode_clears_the_count_of_deaths():
    async def work(pool, hosts, sink) -> None:
        for _ in range(4):
            hosts[0].trouble = dies
            lease = await pool.lease()
            with pytest.raises(DesktopLost):
                await lease.reset(make_task())
            hosts[0].trouble = lives
            good = await pool.lease()
            await good.reset(make_task())
            pool.give_back(good)

    (host,) = with_pool(work, 1, restarts=1)
    assert host.restarts == 4


def test_a_cancelled_wait_does_not_swallow_the_desktop_of_the_next():
    async def work(pool, hosts, sink) -> None:
        held = await pool.lease()
        impatient, patient = asyncio.create_task(pool.lease()), asyncio.create_task(pool.lease())
        await asyncio.sleep(0)
        pool.give_back(held)
        impatient.cancel()
        assert (await asyncio.wait_for(patient, 5)).name == held.name

    with_pool(work, 1)


def test_closing_ends_every_process():
    async def work(pool, hosts, sink) -> None:
        return None

    assert all(host.closed for host in with_pool(work, 1, 1))


def test_healing_outlives_an_error_that_nobody_thought_of():
    async def work(pool, hosts, sink) -> None:
        hosts[0].trouble = dies
        restart, raised = hosts[0].restart, []

        async def odd() -> None:
            if not raised:
                raised.append(True)
                raise RuntimeError("a provider's mistake")
            await restart()

        hosts[0].restart = odd
        lease = await pool.lease()
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())
        hosts[0].trouble = lives
        await (await pool.lease()).reset(make_task())
        assert raised

    with_pool(work, 1)


def test_one_that_only_ever_raises_is_given_up_and_its_error_is_told():
    async def work(pool, hosts, sink) -> None:
        hosts[0].trouble = dies

        async def odd() -> None:
            raise ValueError("no such port")

        hosts[0].restart = odd
        lease = await pool.lease()
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())
        with pytest.raises(DesktopLost, match="no desktop is left"):
            await pool.lease()
        assert "fake-0 did not start: ValueError: no such port" in sink.events[-1].message

    with_pool(work, 1)
