"""The benchmark of desktops: what it prints, and that its episodes and faults are what they are said to be."""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.docker.engine import connect
from arpo_engine.desktops.host import Act, Answer, Request
from arpo_engine.types import Observation
from benchmarks import desktops_episodes
from benchmarks.desktops import table
from benchmarks.desktops_episodes import episodes, with_faults
from benchmarks.desktops_faults import FAULTS, Victim, slow_way
from benchmarks.desktops_leaks import is_there
from benchmarks.desktops_world import World, megabytes
from benchmarks.rollout_world import SCREEN
from tests.engine.desktops.simulated_server import SimulatedMachine, simulated
from tests.simulated.docker_engine import Container, SimulatedEngine


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    """Stands for the display of a desktop: the program is known by its command line, which it has once it says so."""
    program = "import time; print(flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", program, "Xvfb"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield psutil.Process(process.pid)
    process.kill()
    process.communicate()


def victim(*processes: psutil.Process) -> Victim:
    return Victim(FragileHost.present, list(processes), lambda: None)


def test_every_kind_is_a_column_and_every_figure_a_row() -> None:
    rows = table({"docker": {"cold_start_s": 2.345, "leaked": 0}, "pocket": {"cold_start_s": None}})
    assert rows == [["", "docker", "pocket"], ["cold_start_s", "2.35", "–"], ["leaked", "0", "–"]]


def test_episodes_go_through_the_pool_and_are_counted() -> None:
    found = asyncio.run(episodes(World.of("pocket"), count=3, at_once=1))
    assert (found["episodes"], found["readiness_failures"]) == (3, 0)
    assert found["steps_per_s"] > 0


def test_memory_is_that_of_all_processes_and_a_dead_one_has_none(sleeper: psutil.Process) -> None:
    one = megabytes([sleeper])
    assert one is not None and one > 0
    sleeper.kill()
    sleeper.wait()
    assert megabytes([sleeper]) == 0.0


def test_a_killed_desktop_loses_its_first_process(sleeper: psutil.Process) -> None:
    FAULTS["killed"](victim(sleeper))
    assert sleeper.wait(10) != 0


def test_a_frozen_display_is_stopped_and_not_ended(sleeper: psutil.Process) -> None:
    FAULTS["frozen_display"](victim(sleeper))
    assert os.WIFSTOPPED(os.waitpid(sleeper.pid, os.WUNTRACED)[1])


def test_a_fault_that_finds_nothing_to_break_says_so() -> None:
    with pytest.raises(RuntimeError, match="no Xvfb runs in this desktop"):
        FAULTS["frozen_display"](victim())


class FragileHost:
    """Implements `DesktopHost`; a desktop that was disturbed takes no further action."""

    name = machine = "fragile"
    size = 1
    present = SimulatedMachine(1, typed=True)

    def __init__(self) -> None:
        self.broken = False

    async def call(self, index: int, request: Request) -> Answer:
        """The same picture, until it breaks."""
        if self.broken and isinstance(request, Act):
            raise DesktopLost("disturbed")
        return Observation(pixels=SCREEN)

    def hang_up(self) -> None:
        """Nobody is connected."""

    async def restart(self) -> None:
        """As new."""
        self.broken = False

    async def close(self) -> None:
        """Holds nothing."""


@pytest.mark.parametrize(("breaks", "survived"), [(True, 0), (False, 1)])
def test_an_episode_survives_a_fault_only_by_going_on_to_its_end(
    monkeypatch: pytest.MonkeyPatch, breaks: bool, survived: int
) -> None:
    host, world = FragileHost(), World.of("pocket")

    async def hosts(_: World, count: int) -> list[FragileHost]:
        return [host]

    monkeypatch.setattr(World, "hosts", hosts)
    monkeypatch.setattr(desktops_episodes, "processes", lambda _: [])
    monkeypatch.setattr(desktops_episodes, "FAULTS", {"odd": lambda _: setattr(host, "broken", breaks)})
    found = asyncio.run(with_faults(world, count=3, at_once=1))
    assert (found["injected"], found["survived"], found["named"]) == (1, survived, 1 - survived)
    assert found["by_kind"] == {"odd": {"DesktopLost" if breaks else "survived": 1}}
    assert found["runs_ended"] == 0


def test_a_slow_way_leads_to_the_same_place() -> None:
    with simulated(lambda *_: (200, {}, b"there" * 10_000)) as machine:
        port = slow_way(machine.address.server_port)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"there" * 10_000


def test_a_container_that_the_engine_only_lists_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker.errors")
    with SimulatedEngine(tmp_path / "docker.sock") as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        engine.containers["known"] = Container(id="known", name="known", asked={"HostConfig": {}})
        assert is_there(connect(), "known")
        assert not is_there(connect(), "listed")
