"""Desktops that are reset ahead: found by whoever brings the task, in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from arpo_engine.contract.errors import DesktopLost, SetupFailed
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.host import Reset
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.rollout.ahead import Ahead
from tests.engine.fakes import ClickingDesktops, make_task

MAIL, NOTES = make_task("mail"), make_task("notes")


def with_pool(work: Callable[[DesktopPool, ClickingDesktops], Awaitable[None]], size: int) -> ClickingDesktops:
    async def main() -> ClickingDesktops:
        host = ClickingDesktops(size=size)
        pool = DesktopPool([host], reset_timeout_s=5.0, step_timeout_s=5.0, restarts=1, sink=MemorySink())
        await work(pool, host)
        await pool.close()
        return host

    return asyncio.run(main())


async def prepared(pool: DesktopPool, *tasks) -> None:
    for task in tasks:
        lease = await pool.lease_idle()
        assert lease is not None
        await pool.prepare(lease, task)


def test_who_brings_the_task_finds_it_ready_and_resets_nothing():
    async def work(pool, host) -> None:
        await prepared(pool, MAIL, NOTES)
        lease = await pool.lease(NOTES)
        assert lease.prepared_for == "notes"
        await lease.reset(NOTES)
        assert host.order == ["reset mail", "reset notes"]

    with_pool(work, 2)


def test_a_prepared_desktop_is_ready_once_only():
    async def work(pool, host) -> None:
        await prepared(pool, MAIL)
        lease = await pool.lease(MAIL)
        await lease.reset(MAIL)
        pool.give_back(lease)
        again = await pool.lease(MAIL)
        await again.reset(MAIL)
        assert host.order == ["reset mail", "reset mail"]

    with_pool(work, 1)


def test_another_task_takes_an_unprepared_desktop_first_and_a_prepared_one_rather_than_wait():
    async def work(pool, host) -> None:
        await prepared(pool, MAIL)
        first = await pool.lease(NOTES)
        assert first.prepared_for is None
        second = await pool.lease(NOTES)
        assert second.prepared_for == "mail"
        await second.reset(NOTES)
        assert host.order == ["reset mail", "reset notes"]

    with_pool(work, 2)


def test_nobody_waits_behind_a_preparation_that_has_not_begun():
    async def work(pool, host) -> None:
        held = await pool.lease(MAIL)
        idle = asyncio.create_task(pool.lease_idle())
        episode = asyncio.create_task(pool.lease(NOTES))
        await asyncio.sleep(0)
        pool.give_back(held)
        assert (await episode).name == held.name
        assert not idle.done()
        pool.give_back(await episode)
        assert (await idle).name == held.name

    with_pool(work, 1)


def test_who_brings_a_task_whose_desktop_is_being_reset_waits_for_it_and_leaves_the_others_theirs():
    async def work(pool, host) -> None:
        go_on = asyncio.Event()
        host.wait = lambda index, request: go_on if request == Reset(MAIL) else None
        ahead = Ahead(pool)
        ahead.prepare([MAIL, NOTES])
        while "reset notes" not in host.order:
            await asyncio.sleep(0)
        mail = asyncio.create_task(pool.lease(MAIL))
        notes = await pool.lease(NOTES)
        assert notes.prepared_for == "notes"
        assert not mail.done()
        go_on.set()
        assert (await mail).prepared_for == "mail"
        await ahead.close()

    with_pool(work, 2)


@pytest.mark.parametrize("error", [SetupFailed("no such file"), DesktopLost("the process has died")])
def test_a_preparation_that_fails_is_met_by_whoever_comes_and_by_nobody_else(error: Exception):
    async def work(pool, host) -> None:
        def trouble(index: int, request: object) -> None:
            raise error

        host.trouble = trouble
        ahead = Ahead(pool)
        ahead.prepare([MAIL])
        waiting = asyncio.create_task(pool.lease(MAIL))
        lease = await asyncio.wait_for(waiting, 5)
        assert lease.prepared_for is None
        with pytest.raises(type(error)):
            await lease.reset(MAIL)
        await ahead.close()

    with_pool(work, 1)


def test_what_has_no_desktop_yet_is_not_prepared_any_more_after_stop():
    async def work(pool, host) -> None:
        held = await pool.lease(MAIL)
        ahead = Ahead(pool)
        ahead.prepare([NOTES])
        await asyncio.sleep(0)
        ahead.stop()
        pool.give_back(held)
        for _ in range(5):
            await asyncio.sleep(0)
        assert host.order == []
        await ahead.close()

    with_pool(work, 1)
