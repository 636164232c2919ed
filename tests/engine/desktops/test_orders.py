"""What people order of a pool: carried out once, refused where it would end the run, and always answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.contract.fleet import DesktopOrder, DesktopPhase, OrderAction, OrderOutcome
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.orders import Foreman
from arpo_engine.desktops.pool import DesktopPool
from tests.engine.fakes import ClickingDesktops, make_task

Work = Callable[[DesktopPool, Foreman, list[ClickingDesktops]], Awaitable[None]]


def with_foreman(work: Work, *sizes: int, machines: tuple[str, ...] = ()) -> list[ClickingDesktops]:
    async def main() -> list[ClickingDesktops]:
        hosts = [ClickingDesktops(f"fake-{number}", size) for number, size in enumerate(sizes)]
        for host, machine in zip(hosts, machines, strict=False):
            host.machine = machine
        pool = DesktopPool(hosts, reset_timeout_s=5.0, step_timeout_s=5.0, restarts=2, sink=MemorySink())
        await work(pool, Foreman(pool), hosts)
        await pool.close()
        return hosts

    return asyncio.run(main())


def told(foreman: Foreman, action: str, target: str, name: str = "1") -> OrderOutcome:
    foreman.heed([DesktopOrder(id=name, action=OrderAction(action), target=target)])
    (outcome,) = foreman.outcomes()
    return outcome


def phases(pool: DesktopPool) -> dict[str, DesktopPhase]:
    return {seat.name: seat.phase for slot in pool.slots for seat in slot.seats}


async def is_waiting(task: asyncio.Task[object]) -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return not task.done()


def test_a_drained_machine_takes_no_new_episodes_and_leased_ones_finish():
    async def work(pool, foreman, hosts) -> None:
        held = await pool.lease()
        assert held.name == "fake-0/0"
        outcome = told(foreman, "drain", "left")
        assert (outcome.done, outcome.message) == (True, "left takes no new episodes; 1 under way finish there")
        assert phases(pool)["fake-0/1"] is DesktopPhase.DRAINED
        await held.reset(make_task())  # it goes on
        other = await pool.lease()
        assert other.name.startswith("fake-1")
        pool.give_back(held)
        assert phases(pool)["fake-0/0"] is DesktopPhase.DRAINED
        nobody = asyncio.create_task(pool.lease())
        assert await is_waiting(nobody)
        assert told(foreman, "undrain", "left", "2").done
        assert (await nobody).name.startswith("fake-0")

    with_foreman(work, 2, 1, machines=("left", "right"))


def test_a_process_that_is_restarted_on_a_drained_machine_stays_drained():
    async def work(pool, foreman, hosts) -> None:
        told(foreman, "drain", "left")
        assert told(foreman, "restart", "fake-0/0", "2").done
        while pool.slots[0].healing:
            await asyncio.sleep(0)
        assert hosts[0].restarts == 1
        assert phases(pool)["fake-0/0"] is DesktopPhase.DRAINED

    with_foreman(work, 1, 1, machines=("left", "right"))


def test_a_restart_ends_the_process_its_episodes_are_lost_and_it_is_no_failure():
    async def work(pool, foreman, hosts) -> None:
        lease = await pool.lease()
        outcome = told(foreman, "restart", "fake-0/1")
        assert "fake-0 with its 2 desktops is started again; 1 episodes begin anew" in outcome.message
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())
        pool.give_back(lease)
        fresh = await pool.lease()
        await fresh.reset(make_task())
        assert hosts[0].restarts == 1
        assert pool.slots[0].failures == 0

    with_foreman(work, 2)


def test_a_desktop_that_was_given_up_is_brought_back_by_a_restart():
    async def work(pool, foreman, hosts) -> None:
        def dies(index: int, request: object) -> None:
            raise DesktopLost("the process has died")

        hosts[0].trouble, hosts[0].broken_restarts = dies, 3
        lease = await pool.lease()
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())
        while not pool.slots[0].given_up:
            await asyncio.sleep(0)
        assert phases(pool)["fake-0/0"] is DesktopPhase.GONE
        hosts[0].trouble, hosts[0].broken_restarts = (lambda index, request: None), 0
        assert told(foreman, "restart", "fake-0/0").done
        back = await pool.lease()
        await back.reset(make_task())

    with_foreman(work, 1)


def test_a_restart_under_way_is_not_begun_twice():
    async def work(pool, foreman, hosts) -> None:
        told(foreman, "restart", "fake-0/0")
        outcome = told(foreman, "restart", "fake-0/0", "2")
        assert "already" in outcome.message
        await pool.lease()
        assert hosts[0].restarts == 1

    with_foreman(work, 1)


def test_a_quarantined_desktop_loses_its_episode_and_comes_back_when_released():
    async def work(pool, foreman, hosts) -> None:
        lease = await pool.lease()
        outcome = told(foreman, "quarantine", lease.name)
        assert outcome.message == "fake-0/0 is taken out; its episode begins anew on another one"
        with pytest.raises(DesktopLost, match="fake-0/0 was taken out"):
            await lease.reset(make_task())
        pool.give_back(lease)
        assert phases(pool)["fake-0/0"] is DesktopPhase.QUARANTINED
        other = await pool.lease()
        assert other.name == "fake-0/1"
        nobody = asyncio.create_task(pool.lease())
        assert await is_waiting(nobody)
        assert told(foreman, "release", "fake-0/0", "2").done
        again = await nobody
        assert again.name == "fake-0/0"
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())  # the old lease stays dead beside the new one
        assert hosts[0].restarts == 0

    with_foreman(work, 2)


def test_a_quarantine_outlives_a_restart_of_its_process():
    async def work(pool, foreman, hosts) -> None:
        told(foreman, "quarantine", "fake-0/0")
        told(foreman, "restart", "fake-0/1", "2")
        while pool.slots[0].healing:
            await asyncio.sleep(0)
        assert phases(pool)["fake-0/0"] is DesktopPhase.QUARANTINED
        assert phases(pool)["fake-0/1"] is DesktopPhase.SPARE

    with_foreman(work, 2)


def test_the_last_desktops_are_not_taken_from_a_run():
    async def work(pool, foreman, hosts) -> None:
        for action, target, name in (("drain", "here", "1"), ("quarantine", "fake-0/1", "3")):
            if action == "quarantine":
                assert told(foreman, "quarantine", "fake-0/0", "2").done
            outcome = told(foreman, action, target, name)
            assert not outcome.done
            assert "pause or stop the run instead" in outcome.message
        assert (await pool.lease()).name == "fake-0/1"

    with_foreman(work, 2)


def test_a_run_whose_other_desktops_die_is_told_and_does_not_wait_for_drained_ones():
    async def work(pool, foreman, hosts) -> None:
        def dies(index: int, request: object) -> None:
            raise DesktopLost("the process has died")

        told(foreman, "drain", "left")
        assert pool.size == 1
        hosts[1].trouble, hosts[1].broken_restarts = dies, 99
        lease = await pool.lease()
        waiting = asyncio.create_task(pool.lease())
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())
        with pytest.raises(DesktopLost, match=r"each of 1 desktop processes died.*the others are drained"):
            await waiting

    with_foreman(work, 2, 1, machines=("left", "right"))


def test_an_order_that_comes_again_is_carried_out_once_and_answered_once():
    async def work(pool, foreman, hosts) -> None:
        order = DesktopOrder(id="7", action=OrderAction.RESTART, target="fake-0/0")
        foreman.heed([order])
        (await pool.lease()).name  # noqa: B018 - waits for the restart
        foreman.heed([order, order])
        assert [outcome.id for outcome in foreman.outcomes()] == ["7"]
        assert foreman.outcomes() == []
        assert hosts[0].restarts == 1

    with_foreman(work, 1)


@pytest.mark.parametrize(("action", "target"), [("restart", "fake-9/0"), ("drain", "nowhere"), ("release", "fake-0")])
def test_what_is_not_there_is_refused_by_name(action: str, target: str):
    async def work(pool, foreman, hosts) -> None:
        outcome = told(foreman, action, target)
        assert not outcome.done
        assert target in outcome.message

    with_foreman(work, 1)
