"""Pauses on a real Docker engine: of the light image, and of what the provider of OSWorld's image starts."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from arpo_engine.contract.config.containers import OsworldDockerDesktopsConfig
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.docker.container import ContainerMachine
from arpo_engine.desktops.docker.engine import DockerApi
from arpo_engine.desktops.docker.provider import DockerProvider
from arpo_engine.desktops.machines import FreshMachines, Provider
from arpo_engine.desktops.osworld import RealDesktop
from arpo_engine.desktops.osworld_docker.provider import OsworldDockerProvider
from tests.conformance.pause_suite import PauseSuite, Peer
from tests.docker.conftest import CONFIG, IMAGE, within
from tests.engine.desktops.xvfb.plain_keeper import PlainKeeper, a_task

pytestmark = pytest.mark.docker

BUSY = "(while :; do :; done) > /dev/null 2>&1 &"
MOMENT_S = 0.3


def opened(provider: Provider, *, pause: bool) -> RealDesktop:
    return RealDesktop(
        FreshMachines(provider, 0),
        PlainKeeper(),
        request_timeout_s=30,
        pause_s=0.0,
        settle_s=0.0,
        pause_while_thinking=pause,
    )


class RefusesToWake:
    """An engine that does everything else."""

    def __init__(self, api: DockerApi) -> None:
        self._api = api

    def __getattr__(self, name: str) -> object:
        return getattr(self._api, name)

    def unpause(self, container: str) -> None:
        raise OSError("unable to thaw")


class RealDocker:
    """Implements `Peer`: what moves is seen by the processor time of its processes."""

    def stands_still(self, desktop: RealDesktop) -> bool:
        machine = self._machine(desktop)
        first = psutil.Process(machine.api.inspect_container(machine.container)["State"]["Pid"])
        before = _processor_s(first)
        time.sleep(MOMENT_S)
        return _processor_s(first) == before

    def refuse_to_wake(self, desktop: RealDesktop) -> None:
        machine = self._machine(desktop)
        machine.api = RefusesToWake(machine.api)  # type: ignore[assignment]

    def kill(self, desktop: RealDesktop) -> None:
        machine = self._machine(desktop)
        machine.api.remove_container(machine.container, force=True, v=True)
        assert within(10, lambda: bool(desktop.machine.gone()))

    def _machine(self, desktop: RealDesktop) -> ContainerMachine:
        assert isinstance(desktop.machine, ContainerMachine)
        return desktop.machine


def _processor_s(first: psutil.Process) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in (first, *first.children(recursive=True)))


class Pauses(PauseSuite):
    """The same for both images; `start` is what each gives."""

    @pytest.fixture
    def start(self) -> Callable[[bool], RealDesktop]:
        raise NotImplementedError("return what makes a desktop")

    @pytest.fixture
    def desktop(self, start: Callable[[bool], RealDesktop]) -> Iterator[RealDesktop]:
        made = start(True)
        yield made
        made.close()

    @pytest.fixture
    def unpaused(self, start: Callable[[bool], RealDesktop]) -> Iterator[RealDesktop]:
        made = start(False)
        yield made
        made.close()

    @pytest.fixture
    def peer(self) -> Peer:
        return RealDocker()

    @pytest.fixture
    def task(self) -> Task:
        return a_task(BUSY)

    def test_a_paused_container_is_removed_like_any_other(self, desktop: RealDesktop, engine: DockerApi) -> None:
        desktop.reset(a_task())
        machine = desktop.machine
        assert isinstance(machine, ContainerMachine)
        assert engine.inspect_container(machine.container)["State"]["Paused"]
        desktop.close()
        assert within(20, lambda: not engine.containers(all=True, filters={"id": machine.container}))


class TestPausesOfTheLightImage(Pauses):
    @pytest.fixture
    def start(self, provider: DockerProvider) -> Callable[[bool], RealDesktop]:
        return lambda pause: opened(provider, pause=pause)


class TestPausesOfOsworldsProvider(Pauses):
    @pytest.fixture
    def start(self, engine: DockerApi, tmp_path: Path) -> Callable[[bool], RealDesktop]:
        disk = tmp_path / "Ubuntu.qcow2"
        disk.write_bytes(b"QFI\xfb" + bytes(60))
        config = OsworldDockerDesktopsConfig(image=IMAGE, disk=str(disk), kvm="off", spares=0)
        provider = OsworldDockerProvider(config)
        return lambda pause: opened(provider, pause=pause)


HOLDS_A_PAUSED_ONE = f"""
import time
from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.desktops.docker.provider import DockerProvider
machine = DockerProvider(DockerDesktopsConfig.model_validate_json({CONFIG.model_dump_json()!r})).start()
machine.pause()
print(machine.container, flush=True)
time.sleep(600)
"""


def test_a_killed_process_leaves_no_paused_container(engine: DockerApi) -> None:
    """It cannot hear that its lifeline was cut; the watch of the dead process removes it."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDS_A_PAUSED_ONE], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    container = holder.stdout.readline().strip()
    assert engine.inspect_container(container)["State"]["Paused"]
    holder.kill()
    holder.wait()
    assert within(40, lambda: not engine.containers(all=True, filters={"id": container}))
