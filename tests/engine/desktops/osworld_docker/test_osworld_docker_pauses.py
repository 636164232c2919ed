"""Pauses of OSWorld's official image, against a *simulated* Docker engine; on a real one in tests/docker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arpo_engine.contract.config.containers import OsworldDockerDesktopsConfig
from arpo_engine.contract.errors import DesktopLost, DesktopStuck
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.machines import FreshMachines
from arpo_engine.desktops.osworld import RealDesktop
from arpo_engine.desktops.osworld_docker.provider import OsworldDockerProvider, OsworldMachine
from tests.conformance.pause_suite import CLICK, PauseSuite, Peer
from tests.engine.desktops.xvfb.plain_keeper import PlainKeeper, a_task
from tests.simulated.docker_engine import Container, SimulatedEngine
from tests.simulated.osworld_server import SimulatedServer


def opened(config: OsworldDockerDesktopsConfig, *, pause: bool) -> RealDesktop:
    machines = FreshMachines(OsworldDockerProvider(config), 0)
    return RealDesktop(
        machines, PlainKeeper(), request_timeout_s=0.5, pause_s=0, settle_s=0, pause_while_thinking=pause
    )


class SimulatedDocker:
    """Implements `Peer`."""

    def __init__(self, engine: SimulatedEngine) -> None:
        self.engine = engine

    def container(self, desktop: RealDesktop) -> Container:
        assert isinstance(desktop.machine, OsworldMachine)
        return self.engine.containers[desktop.machine.container]

    def server(self, desktop: RealDesktop) -> SimulatedServer:
        server = self.container(desktop).server
        assert server is not None
        return server

    def stands_still(self, desktop: RealDesktop) -> bool:
        return self.server(desktop).paused

    def refuse_to_wake(self, desktop: RealDesktop) -> None:
        self.engine.refuses_to_wake = True

    def kill(self, desktop: RealDesktop) -> None:
        self.engine.containers.pop(self.container(desktop).id)


class TestPauses(PauseSuite):
    @pytest.fixture
    def desktop(self, engine: SimulatedEngine, config: OsworldDockerDesktopsConfig) -> Iterator[RealDesktop]:
        made = opened(config, pause=True)
        yield made
        made.close()

    @pytest.fixture
    def unpaused(self, engine: SimulatedEngine, config: OsworldDockerDesktopsConfig) -> Iterator[RealDesktop]:
        made = opened(config, pause=False)
        yield made
        made.close()

    @pytest.fixture
    def peer(self, engine: SimulatedEngine) -> Peer:
        return SimulatedDocker(engine)

    @pytest.fixture
    def task(self) -> Task:
        return a_task()

    def test_one_that_somebody_else_woke_goes_on(self, desktop: RealDesktop, engine: SimulatedEngine) -> None:
        desktop.reset(a_task())
        SimulatedDocker(engine).server(desktop).paused = False
        assert desktop.step(CLICK).pixels.shape == (200, 320, 3)

    def test_a_wake_that_is_lost_on_its_way_is_a_stuck_desktop(
        self, desktop: RealDesktop, engine: SimulatedEngine
    ) -> None:
        desktop.reset(a_task())
        engine.loses_wakes = True
        with pytest.raises(DesktopStuck, match=r"did not answer POST /execute within 0\.5 s"):
            desktop.step(CLICK)

    def test_one_that_the_engine_will_not_pause_is_lost(self, desktop: RealDesktop, engine: SimulatedEngine) -> None:
        engine.refuses_to_pause = True
        with pytest.raises(DesktopLost, match=r"refuses pausing the container .*cannot be paused"):
            desktop.reset(a_task())
