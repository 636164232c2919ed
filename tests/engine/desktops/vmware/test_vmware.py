"""The provider of VMware's machines against a *simulated* vmrun, not a recorded one. See tests/simulated/vmrun.py."""

from __future__ import annotations

import platform

import pytest
from pydantic import ValidationError

from arpo_engine.contract.actions import Hotkey
from arpo_engine.contract.config.containers import VmwareDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.vmware import vmrun
from arpo_engine.desktops.vmware.provider import VmwareProvider
from tests.engine.desktops.vmware.conftest import Host

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="each machine needs a loopback address of its own")


def test_an_episode_begins_in_the_snapshot(host: Host) -> None:
    machine = VmwareProvider(host.config()).start()
    assert host.calls() == [
        "revertToSnapshot Ubuntu0.vmx init_state",
        "start Ubuntu0.vmx nogui",
        "getGuestIPAddress Ubuntu0.vmx -wait",
    ]
    assert machine.gone() == ""
    machine.close()


def test_the_next_episode_reverts_again(host: Host) -> None:
    provider = VmwareProvider(host.config())
    for _ in range(2):
        machine = provider.start()
        machine.close()
        machine.close()
    assert [call.split()[0] for call in host.calls()] == ["revertToSnapshot", "start", "getGuestIPAddress", "stop"] * 2


def test_actions_arrive_as_code(host: Host) -> None:
    machine = VmwareProvider(host.config()).start()
    DesktopClient(machine, 5.0).act(Hotkey(keys=("ctrl", "s")), (320, 200))
    assert "pyautogui.hotkey('ctrl', 's')" in host.server.commands[0][2]
    machine.close()


def test_a_machine_is_in_one_pair_of_hands(host: Host) -> None:
    first, second = VmwareProvider(host.config()), VmwareProvider(host.config())
    machines = [first.start(), second.start()]
    assert {machine.file for machine in machines} == set(host.files)
    with pytest.raises(DesktopLost, match=r"all 2 machines .* are in use"):
        first.start()
    machines[0].close()
    assert second.start().file == machines[0].file


def test_a_window_is_shown_on_request(host: Host) -> None:
    VmwareProvider(host.config(headless=False)).start().close()
    assert "start Ubuntu0.vmx" in host.calls()


def test_a_machine_that_was_switched_off_is_gone(host: Host) -> None:
    machine = VmwareProvider(host.config()).start()
    (host.folder / "running").write_text("", encoding="utf-8")
    assert "does not run any more" in machine.gone()
    machine.close()


def test_a_machine_that_is_off_already_is_closed_all_the_same(host: Host) -> None:
    provider = VmwareProvider(host.config())
    machine = provider.start()
    (host.folder / "running").write_text("", encoding="utf-8")
    machine.close()
    assert provider.start().file == host.files[0]


@pytest.mark.parametrize("command", ["revertToSnapshot", "start", "getGuestIPAddress"])
def test_what_vmware_refuses_is_told_and_the_machine_is_free_again(host: Host, command: str) -> None:
    provider = VmwareProvider(host.config())
    host.breaks(command)
    with pytest.raises(DesktopLost, match=rf"vmrun {command} .*canceled"):
        provider.start()
    host.breaks("none")
    assert provider.start().file == host.files[0]


def test_a_snapshot_that_does_not_exist_is_named(host: Host) -> None:
    with pytest.raises(DesktopLost, match=r"revertToSnapshot .* other failed: .*snapshot does not exist"):
        VmwareProvider(host.config(snapshot="other")).start()


def test_a_machine_that_sends_nothing_is_lost(host: Host) -> None:
    host.server.broken_for = 10**9
    with pytest.raises(DesktopLost, match=r"sent no screenshot within 1 s"):
        VmwareProvider(host.config(start_timeout_s=1)).start()
    assert host.calls()[-1].startswith("stop")


def test_a_file_that_is_no_machine_is_refused(host: Host) -> None:
    with pytest.raises(DesktopLost, match=r"no virtual machine .*vmware_vm_data"):
        VmwareProvider(host.config(machines=[str(host.folder / "none.vmx")]))


def test_without_vmware_there_is_a_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vmrun, "PLACES", {})
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DesktopLost, match=r"vmrun is not installed; .*desktops\.kind = docker"):
        vmrun.find_vmrun("")


def test_a_program_that_is_not_where_it_was_said_to_be_is_named() -> None:
    with pytest.raises(DesktopLost, match="no program /no/such/vmrun"):
        vmrun.find_vmrun("/no/such/vmrun")


def test_more_desktops_than_machines_are_refused_with_the_config() -> None:
    with pytest.raises(ValidationError, match=r"needs a \.vmx file of its own"):
        VmwareDesktopsConfig(count=2, machines=("one.vmx",))
