"""What a run tells of its desktops: each phase, only what changed, seldom, and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from arpo_engine.contract.actions import Click
from arpo_engine.contract.errors import DesktopLost, DesktopStuck, SetupFailed
from arpo_engine.contract.events import DesktopsSeen
from arpo_engine.contract.fleet import DesktopOrder, DesktopPhase, DesktopSeen, OrderAction
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.host import Reset
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.desktops.watch import OVER, PoolWatch
from tests.engine.fakes import ClickingDesktops, make_task

OFTEN_S = 1e-9
"""Every look may tell something."""
NEVER_S = 3600.0

Work = Callable[[DesktopPool, PoolWatch, MemorySink, ClickingDesktops], Awaitable[None]]


def watched(work: Work, *, size: int = 2, every_s: float = OFTEN_S, restarts: int = 2) -> list[DesktopsSeen]:
    async def main() -> list[DesktopsSeen]:
        host, sink = ClickingDesktops("fake-0", size), MemorySink()
        pool = DesktopPool([host], reset_timeout_s=5.0, step_timeout_s=5.0, restarts=restarts, sink=sink)
        async with PoolWatch(pool, sink, every_s=every_s) as watch:
            await work(pool, watch, sink, host)
        await pool.close()
        return told(sink)

    return asyncio.run(main())


def told(sink: MemorySink) -> list[DesktopsSeen]:
    return [event for event in sink.events if isinstance(event, DesktopsSeen)]


def latest(watch: PoolWatch, sink: MemorySink, name: str = "fake-0/0") -> DesktopSeen:
    watch.look()
    return next(seen for event in reversed(told(sink)) for seen in event.desktops if seen.name == name)


def test_the_first_event_names_all_and_the_last_says_that_they_are_gone():
    async def work(pool, watch, sink, host) -> None:
        return None

    first, last = watched(work)
    assert first.whole and last.whole
    assert [(seen.name, seen.process, seen.machine, seen.phase) for seen in first.desktops] == [
        ("fake-0/0", "fake-0", "here", DesktopPhase.SPARE),
        ("fake-0/1", "fake-0", "here", DesktopPhase.SPARE),
    ]
    assert [(seen.phase, seen.note) for seen in last.desktops] == [(DesktopPhase.GONE, OVER)] * 2


def test_an_episode_is_told_by_phase_task_and_step():
    seen: list[DesktopSeen] = []

    async def work(pool, watch, sink, host) -> None:
        lease = await pool.lease(make_task("mail"))
        gate = asyncio.Event()
        host.wait = lambda index, request: gate

        async def while_it(asked: Awaitable[object]) -> None:
            gate.clear()
            under_way = asyncio.ensure_future(asked)
            await asyncio.sleep(0)
            seen.append(latest(watch, sink, lease.name))
            gate.set()
            await under_way

        await while_it(lease.reset(make_task("mail")))
        lease.at("e1", 2)
        seen.append(latest(watch, sink, lease.name))
        await while_it(lease.step(Click(x=1, y=1)))
        await while_it(lease.score(None))
        pool.give_back(lease)
        seen.append(latest(watch, sink, lease.name))

    watched(work)
    assert [(one.phase.value, one.task_id, one.episode_id, one.step) for one in seen] == [
        ("resetting", "mail", "", None),
        ("thinking", "mail", "e1", 2),
        ("acting", "mail", "e1", 2),
        ("scoring", "mail", "e1", 2),
        ("spare", "", "", None),
    ]


def test_only_what_changed_is_told_and_nothing_when_nothing_did():
    async def work(pool, watch, sink, host) -> None:
        before = len(told(sink))
        watch.look()
        assert len(told(sink)) == before
        lease = await pool.lease()
        watch.look()
        assert [seen.name for seen in told(sink)[-1].desktops] == [lease.name]
        assert told(sink)[-1].machines == []

    watched(work)


def test_however_much_happens_events_keep_their_distance():
    async def work(pool, watch, sink, host) -> None:
        for _ in range(50):
            lease = await pool.lease()
            await lease.reset(make_task())
            pool.give_back(lease)
            watch.look()

    assert len(watched(work, every_s=NEVER_S)) == 2  # the first and the last


def test_failures_are_counted_by_kind_on_the_desktop_that_failed():
    async def work(pool, watch, sink, host) -> None:
        lease = await pool.lease()

        def refuses(index: int, request: object) -> None:
            raise SetupFailed("the file is not there")

        host.trouble = refuses
        for _ in range(2):
            with pytest.raises(SetupFailed):
                await lease.reset(make_task())

        def dies(index: int, request: object) -> None:
            raise DesktopLost("it died")

        host.trouble = dies
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())
        pool.give_back(lease)
        assert latest(watch, sink, lease.name).failures == {Fault.SETUP_FAILED: 2, Fault.DESKTOP_LOST: 1}
        assert latest(watch, sink, "fake-0/1").failures == {}

    watched(work)


def test_a_loss_is_told_as_it_is_healed_with_its_reason():
    async def work(pool, watch, sink, host) -> None:
        gate = asyncio.Event()

        async def slow_restart() -> None:
            await gate.wait()

        host.restart = slow_restart
        lease = await pool.lease()

        def dies(index: int, request: object) -> None:
            if isinstance(request, Reset):
                raise DesktopLost("the process has died")

        host.trouble = dies
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())
        assert latest(watch, sink).phase is DesktopPhase.QUARANTINED
        await asyncio.sleep(0)
        seen = latest(watch, sink)
        assert (seen.phase, seen.note) == (DesktopPhase.RESTARTING, "the process has died")
        gate.set()
        while pool.slots[0].healing:
            await asyncio.sleep(0)
        assert latest(watch, sink).phase is DesktopPhase.SPARE

    watched(work)


def test_what_dies_too_often_is_told_as_gone():
    async def work(pool, watch, sink, host) -> None:
        def dies(index: int, request: object) -> None:
            raise DesktopLost("the process has died")

        host.trouble, host.broken_restarts = dies, 99
        lease = await pool.lease()
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())
        while not pool.slots[0].given_up:
            await asyncio.sleep(0)
        seen = latest(watch, sink)
        assert seen.phase is DesktopPhase.GONE
        assert "died 2 times in a row" in seen.note

    watched(work, restarts=1)


def test_a_desktop_that_is_not_given_back_by_its_deadline_is_taken_back():
    async def work(pool, watch, sink, host) -> None:
        lease = await pool.lease()
        lease.hold_for(60.0)
        assert latest(watch, sink, lease.name).deadline is not None
        assert lease.alive
        lease.hold_for(-0.001)
        watch.look()
        assert not lease.alive
        with pytest.raises(DesktopLost):
            await lease.reset(make_task())
        fresh = await pool.lease()
        await fresh.reset(make_task())
        assert host.restarts == 1
        assert pool.slots[0].seats[0].failures == {Fault.DESKTOP_STUCK: 1}

    watched(work)


def test_one_that_waits_for_others_may_be_held_without_a_deadline():
    async def work(pool, watch, sink, host) -> None:
        lease = await pool.lease()
        lease.hold_for(-0.001)
        lease.hold_for(None)
        watch.look()
        assert lease.alive
        lease.hold_for(-0.001)
        pool.give_back(lease)
        watch.look()
        assert host.restarts == 0

    watched(work)


def test_orders_of_the_console_are_heeded_and_their_outcome_is_told():
    async def work(pool, watch, sink, host) -> None:
        sink.orders = (DesktopOrder(id="5", action=OrderAction.QUARANTINE, target="fake-0/1"),)
        watch.look()
        watch.look()
        (outcome,) = [outcome for event in told(sink) for outcome in event.orders]
        assert (outcome.id, outcome.done) == ("5", True)
        assert latest(watch, sink, "fake-0/1").phase is DesktopPhase.QUARANTINED

    watched(work)


def test_a_desktop_that_does_not_answer_counts_as_stuck():
    async def main() -> None:
        host, sink = ClickingDesktops("fake-0", 1), MemorySink()
        host.wait = lambda index, request: asyncio.Event()
        pool = DesktopPool([host], reset_timeout_s=0.001, step_timeout_s=5.0, restarts=2, sink=sink)
        lease = await pool.lease()
        with pytest.raises(DesktopStuck):
            await lease.reset(make_task())
        assert pool.slots[0].seats[0].failures == {Fault.DESKTOP_STUCK: 1}
        await pool.close()

    asyncio.run(main())
