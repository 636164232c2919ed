"""Pauses of VMware's machines, against a *simulated* vmrun; see tests/simulated/vmrun.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.machines import FreshMachines
from arpo_engine.desktops.osworld import RealDesktop
from arpo_engine.desktops.vmware.provider import VmwareMachine, VmwareProvider
from tests.conformance.pause_suite import CLICK, PauseSuite, Peer
from tests.engine.desktops.vmware.conftest import Host
from tests.engine.desktops.xvfb.plain_keeper import PlainKeeper, a_task


def opened(host: Host, *, pause: bool) -> RealDesktop:
    machines = FreshMachines(VmwareProvider(host.config()), 0)
    return RealDesktop(machines, PlainKeeper(), request_timeout_s=5, pause_s=0, settle_s=0, pause_while_thinking=pause)


def listed(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


class SimulatedVmware:
    """Implements `Peer`."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def stands_still(self, desktop: RealDesktop) -> bool:
        assert isinstance(desktop.machine, VmwareMachine)
        return str(desktop.machine.file) in listed(self.host.folder / "paused")

    def refuse_to_wake(self, desktop: RealDesktop) -> None:
        self.host.breaks("unpause")

    def kill(self, desktop: RealDesktop) -> None:
        (self.host.folder / "running").write_text("", encoding="utf-8")


class TestPauses(PauseSuite):
    @pytest.fixture
    def desktop(self, host: Host) -> Iterator[RealDesktop]:
        made = opened(host, pause=True)
        yield made
        made.close()

    @pytest.fixture
    def unpaused(self, host: Host) -> Iterator[RealDesktop]:
        made = opened(host, pause=False)
        yield made
        made.close()

    @pytest.fixture
    def peer(self, host: Host) -> Peer:
        return SimulatedVmware(host)

    @pytest.fixture
    def task(self) -> Task:
        return a_task()

    def test_a_machine_is_not_switched_off_while_it_is_paused(self, desktop: RealDesktop, host: Host) -> None:
        desktop.reset(a_task())
        desktop.close()
        assert [call.split()[0] for call in host.calls()][-3:] == ["pause", "unpause", "stop"]

    def test_one_that_vmware_will_not_pause_is_lost(self, desktop: RealDesktop, host: Host) -> None:
        host.breaks("pause")
        with pytest.raises(DesktopLost, match=r"vmrun pause .*canceled"):
            desktop.reset(a_task())

    def test_nothing_is_said_to_vmware_where_no_pause_was_asked_for(self, unpaused: RealDesktop, host: Host) -> None:
        unpaused.reset(a_task())
        unpaused.step(CLICK)
        assert not [call for call in host.calls() if call.startswith(("pause", "unpause"))]
