"""Spares: what is ready, what was lost meanwhile, and what nobody took."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.machines import Address, FreshMachines, Machine

START_S = 30.0
"""Longest wait; a loaded machine may be slow, and nothing here takes time of its own."""


class Counted:
    """A machine that only counts."""

    def __init__(self, number: int) -> None:
        self.name = f"machine-{number}"
        self.address = Address(server_port=number)
        self.reason = ""
        self.closed = False

    def gone(self) -> str:
        return self.reason

    def close(self) -> None:
        self.closed = True


class Provider:
    def __init__(self, *, problem: str = "") -> None:
        self.made: list[Counted] = []
        self.problem = problem
        self.may_start = threading.Event()
        self.may_start.set()
        self._lock = threading.Lock()

    def start(self) -> Counted:
        self.may_start.wait(START_S)
        if self.problem:
            raise DesktopLost(self.problem)
        with self._lock:
            self.made.append(Counted(len(self.made)))
            return self.made[-1]


class AsTold:
    """Says of each machine what the test wants said of it."""

    def __init__(self, problems: dict[str, str] | None = None) -> None:
        self.problems = problems or {}
        self.seen: list[str] = []

    def came_up(self, machine: Machine) -> None:
        self.seen.append(machine.name)

    def problem(self, machine: Machine) -> str:
        return self.problems.get(machine.name, "")


def test_a_spare_is_given_at_once_and_replaced():
    provider = Provider()
    machines = FreshMachines(provider, 1, AsTold())
    machines.fill(START_S)
    provider.may_start.clear()
    assert machines.take().name == "machine-0", "no other could have been started"
    assert len(provider.made) == 1
    provider.may_start.set()
    machines.fill(START_S)
    assert len(provider.made) == 2
    machines.close()


def test_no_machine_is_given_twice():
    machines = FreshMachines(Provider(), 2, AsTold())
    assert len({machines.take().name for _ in range(10)}) == 10
    machines.close()


def test_whoever_comes_while_a_spare_starts_waits_for_that_one():
    provider = Provider()
    machines = FreshMachines(provider, 1, AsTold())
    provider.may_start.clear()
    machines.begin()
    with ThreadPoolExecutor(1) as another:
        taken = another.submit(machines.take)
        provider.may_start.set()
        assert taken.result(START_S).name == "machine-0"
    machines.fill(START_S)
    assert len(provider.made) == 2, "the one that was waited for, and the next spare"
    machines.close()


def test_a_spare_that_was_lost_is_passed_over():
    provider = Provider()
    machines = FreshMachines(provider, 1, AsTold())
    machines.fill(5)
    provider.made[0].reason = "killed"
    assert machines.take().name != "machine-0"
    assert provider.made[0].closed
    machines.close()


def test_what_nobody_took_is_ended_with_the_rest():
    provider = Provider()
    machines = FreshMachines(provider, 3, AsTold())
    machines.fill(5)
    taken = machines.take()
    machines.fill(5)
    machines.close()
    assert [machine.name for machine in provider.made if not machine.closed] == [taken.name]


def test_spares_that_cannot_start_say_why():
    machines = FreshMachines(Provider(problem="this machine lacks Xvfb; run ./arpo setup xvfb"), 2, AsTold())
    with pytest.raises(DesktopLost, match="lacks Xvfb"):
        machines.fill(5)
    with pytest.raises(DesktopLost, match="lacks Xvfb"):
        machines.take()
    machines.close()


class NoRoom(Provider):
    """A machine on which no process can be started any more."""

    def start(self) -> Counted:
        self.may_start.wait(START_S)
        raise OSError(24, "Too many open files")


def test_nobody_waits_for_a_spare_that_the_machine_had_no_room_for():
    provider = NoRoom()
    provider.may_start.clear()
    machines = FreshMachines(provider, 1, AsTold())
    machines.begin()
    found: list[str] = []

    def take() -> None:
        try:
            machines.take()
        except DesktopLost as lost:
            found.append(str(lost))

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    provider.may_start.set()
    taker.join(START_S)
    assert found == [
        "this machine has no room for another desktop: [Errno 24] Too many open files; set desktops.count lower"
    ]
    machines.close()


def test_a_machine_that_is_not_fresh_is_ended_and_the_next_one_is_given():
    provider, freshness = Provider(), AsTold({"machine-0": "windows: somebody's"})
    machines = FreshMachines(provider, 1, freshness)
    machines.fill(START_S)
    with pytest.raises(DesktopLost, match=r"machine-0 is not fresh.*windows: somebody's"):
        machines.take()
    assert provider.made[0].closed
    assert machines.take().name == "machine-1"
    assert freshness.seen[:2] == ["machine-0", "machine-1"]
    machines.close()


def test_the_next_spare_is_not_started_while_an_episode_waits_for_the_look_at_its_machine():
    provider = Provider()
    started: list[int] = []

    class Watched(AsTold):
        def problem(self, machine: Machine) -> str:
            started.append(len(provider.made))
            return super().problem(machine)

    machines = FreshMachines(provider, 1, Watched())
    machines.fill(START_S)
    machines.take()
    machines.fill(START_S)
    assert (started, len(provider.made)) == ([1], 2)
    machines.close()
