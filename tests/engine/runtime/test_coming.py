"""Desktops that are coming are told of by the names that they will have."""

from __future__ import annotations

import asyncio

import pytest

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.events import DesktopsSeen
from arpo_engine.contract.fleet import DesktopPhase
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.runtime.coming import tell_coming
from arpo_engine.runtime.local import LocalExecutor


@pytest.mark.parametrize("least", [None, 1])
def test_the_names_told_are_those_of_the_desktops_that_come(least: int | None):
    numbers = {"count": 3, "per_process": 2, "min_count": least}
    config = RunConfig.model_validate({"title": "t", "desktops": numbers})
    sink = MemorySink()
    tell_coming(config, sink)
    (event,) = sink.events
    assert isinstance(event, DesktopsSeen) and not event.whole
    asleep = [seen.phase for seen in event.desktops].count(DesktopPhase.ASLEEP)
    assert asleep == (0 if least is None else 2), "the others are starting"

    async def names() -> list[str]:
        executor = LocalExecutor()
        try:
            hosts = await executor.start_desktops(config.desktops)
            pool = DesktopPool(hosts, reset_timeout_s=5, step_timeout_s=5, restarts=0, sink=sink)
            return [seat.name for slot in pool.slots for seat in slot.seats]
        finally:
            await executor.close()

    assert [seen.name for seen in event.desktops] == asyncio.run(names())
