"""Pauses of a machine, and leases whose desktops are paused; each provider's own are in its conformance test."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import TypeAdapter, ValidationError

from arpo_engine.contract.config.containers import pauses_while_thinking
from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.contract.errors import DesktopLost, DesktopStuck
from arpo_engine.contract.events import FaultNoticed
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.host import Act, Answer, Request, Reset, Score, Wake, carry_out
from arpo_engine.desktops.machines import Address, PausableMachine
from arpo_engine.desktops.pausing import Pauses
from arpo_engine.desktops.pocket.host import PocketHost
from arpo_engine.desktops.pool import DesktopPool
from tests.engine.fakes import ClickingDesktops, make_task

CONFIG: TypeAdapter[DesktopsConfig] = TypeAdapter(DesktopsConfig)
PAUSABLE = ("docker", "osworld-docker", "vmware")
OTHERS = ("pocket", "xvfb")


class Machine:
    """Implements `PausableMachine`."""

    name = "machine-0"
    address = Address(server_port=1)

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.refusal = ""
        self.end = ""

    def gone(self) -> str:
        return self.end

    def close(self) -> None:
        self.calls.append("close")

    def pause(self) -> None:
        self.calls.append("pause")
        if self.refusal:
            raise DesktopLost(self.refusal)

    def wake(self) -> None:
        self.calls.append("wake")
        if self.refusal:
            raise DesktopLost(self.refusal)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_what_is_not_paused_is_not_woken(machine: Machine) -> None:
    assert isinstance(machine, PausableMachine)
    pauses = Pauses(machine)
    pauses.end()
    assert machine.calls == []


def test_each_pause_is_ended_once(machine: Machine) -> None:
    pauses = Pauses(machine)
    for _ in range(2):
        pauses.begin()
        pauses.end()
        pauses.end()
    assert machine.calls == ["pause", "wake"] * 2


def test_a_pause_of_which_nobody_knows_whether_it_came_is_ended_too(machine: Machine) -> None:
    pauses = Pauses(machine)
    machine.refusal = "the engine did not answer"
    with pytest.raises(DesktopLost, match="did not answer"):
        pauses.begin()
    machine.refusal = ""
    pauses.end()
    assert machine.calls == ["pause", "wake"]


def test_a_machine_that_is_there_and_cannot_be_woken_is_stuck(machine: Machine) -> None:
    pauses = Pauses(machine)
    pauses.begin()
    machine.refusal = "unable to thaw"
    with pytest.raises(DesktopStuck, match=r"machine-0 was paused .*cannot be woken: unable to thaw"):
        pauses.end()


def test_a_machine_that_is_gone_is_lost_and_not_stuck(machine: Machine) -> None:
    pauses = Pauses(machine)
    pauses.begin()
    machine.refusal, machine.end = "no such container", "its container has ended"
    with pytest.raises(DesktopLost, match="no such container") as raised:
        pauses.end()
    assert not isinstance(raised.value, DesktopStuck)


@pytest.mark.parametrize("kind", PAUSABLE)
def test_a_pause_is_asked_for_and_never_the_default(kind: str) -> None:
    assert not pauses_while_thinking(CONFIG.validate_python({"kind": kind}))
    assert pauses_while_thinking(CONFIG.validate_python({"kind": kind, "pause_while_thinking": True}))


@pytest.mark.parametrize("kind", OTHERS)
def test_a_pause_of_what_cannot_be_paused_is_refused_by_name(kind: str) -> None:
    with pytest.raises(ValidationError, match=rf"pause_while_thinking is True, .* kind {kind} .*use kind docker"):
        CONFIG.validate_python({"kind": kind, "pause_while_thinking": True})
    assert not pauses_while_thinking(CONFIG.validate_python({"kind": kind, "pause_while_thinking": False}))


def test_a_row_of_desktops_that_are_never_paused_has_nothing_to_wake() -> None:
    assert carry_out(PocketHost(1), 0, Wake()) is None


class PausedDesktops(ClickingDesktops):
    """A desktop of it is paused after each look."""

    def __init__(self) -> None:
        super().__init__("fake-0", 1)
        self.paused = False
        self.wakes = 0

    async def call(self, index: int, request: Request) -> Answer:
        if isinstance(request, Wake):
            self.trouble(index, request)
            self.paused = False
            self.wakes += 1
            return None
        answer = await super().call(index, request)
        self.paused = isinstance(request, Reset | Act)
        return answer


def stuck(_index: int, request: Request) -> None:
    if isinstance(request, Wake):
        raise DesktopStuck("it was paused, and cannot be woken")


async def opened(wakes: bool) -> tuple[DesktopPool, PausedDesktops, MemorySink]:
    host, sink = PausedDesktops(), MemorySink()
    pool = DesktopPool([host], reset_timeout_s=5, step_timeout_s=5, restarts=2, sink=sink, wakes=wakes)
    return pool, host, sink


def test_a_lease_that_ends_early_leaves_no_desktop_paused() -> None:
    async def main() -> None:
        pool, host, _ = await opened(wakes=True)
        lease = await pool.lease()
        await lease.reset(make_task())
        assert host.paused
        pool.give_back(lease)
        await pool.lease()
        assert (host.paused, host.wakes) == (False, 1)
        await pool.close()

    asyncio.run(main())


def test_a_prepared_desktop_is_not_paused_either() -> None:
    async def main() -> None:
        pool, host, _ = await opened(wakes=True)
        lease = await pool.lease_idle()
        assert lease is not None
        task = make_task()
        await pool.prepare(lease, task)
        again = await pool.lease(task)
        assert (host.paused, again.prepared_for) == (False, task.id)
        await pool.close()

    asyncio.run(main())


def test_nothing_is_woken_where_nothing_is_paused() -> None:
    async def main() -> None:
        pool, host, _ = await opened(wakes=False)
        lease = await pool.lease()
        await lease.reset(make_task())
        pool.give_back(lease)
        await pool.lease()
        assert host.wakes == 0
        await pool.close()

    asyncio.run(main())


def test_a_desktop_that_cannot_be_woken_at_the_end_is_replaced_as_stuck() -> None:
    async def main() -> None:
        pool, host, sink = await opened(wakes=True)
        lease = await pool.lease()
        await lease.reset(make_task())
        host.trouble = stuck
        pool.give_back(lease)
        fresh = await pool.lease()
        assert fresh.alive and not lease.alive
        assert host.restarts == 1
        (event,) = [event for event in sink.events if isinstance(event, FaultNoticed)]
        assert event.fault is Fault.DESKTOP_STUCK
        await pool.close()

    asyncio.run(main())


def test_a_score_is_asked_of_it_as_ever() -> None:
    async def main() -> None:
        pool, host, _ = await opened(wakes=True)
        lease = await pool.lease()
        await lease.reset(make_task())
        assert await lease.score(None) == 0.0
        assert not host.paused
        pool.give_back(lease)
        await pool.close()

    assert isinstance(Score(None), Request)
    asyncio.run(main())
