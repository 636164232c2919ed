"""The provider of the official image against a *simulated* Docker engine, by the real SDK. See tests/simulated."""

from __future__ import annotations

from pathlib import Path

import pytest

from arpo_engine.contract.actions import Click, TypeText
from arpo_engine.contract.config.containers import OsworldDockerDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.docker.labels import DESKTOP, HOST, OWNER, labels
from arpo_engine.desktops.machines import FreshMachines
from arpo_engine.desktops.osworld_docker import kvm
from arpo_engine.desktops.osworld_docker.provider import OsworldDockerProvider, OsworldMachine
from tests.engine.desktops.osworld_docker.conftest import IMAGE
from tests.simulated.docker_engine import Container, SimulatedEngine


def started(engine: SimulatedEngine, config: OsworldDockerDesktopsConfig) -> tuple[OsworldMachine, Container]:
    machine = OsworldDockerProvider(config).start()
    return machine, engine.containers[machine.container]


def test_the_image_is_given_what_osworld_gives_it(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig, disk: Path
) -> None:
    machine, container = started(engine, config)
    host = container.asked["HostConfig"]
    assert container.environment == {"DISK_SIZE": "32G", "RAM_SIZE": "4G", "CPU_CORES": "4", "KVM": "N"}
    assert host["CapAdd"] == ["NET_ADMIN"]
    assert host["Binds"] == [f"{disk}:/System.qcow2:ro"]
    assert set(host["PortBindings"]) == {"8006/tcp", "5000/tcp", "9222/tcp", "8080/tcp"}
    machine.close()


def test_its_ports_are_for_this_machine_only_and_chosen_by_the_engine(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig
) -> None:
    machine, container = started(engine, config)
    bindings = container.asked["HostConfig"]["PortBindings"].values()
    assert all(binding == [{"HostIp": "127.0.0.1", "HostPort": ""}] for binding in bindings)
    assert container.server is not None
    assert machine.address.server_port == container.server.port
    machine.close()


def test_a_desktop_is_ready_when_it_sends_a_picture(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig
) -> None:
    engine.broken_for = 3
    machine, _ = started(engine, config)
    assert DesktopClient(machine, 5.0).look().shape == (200, 320, 3)
    machine.close()


def test_actions_go_there_as_code_with_every_literal_quoted(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig
) -> None:
    machine, container = started(engine, config)
    client = DesktopClient(machine, 5.0)
    client.act(Click(x=-5, y=10**6), (320, 200))
    client.act(TypeText(text="'); import os; os.abort() #"), (320, 200))
    assert container.server is not None
    click, text = (command[2] for command in container.server.commands)
    assert "pyautogui.click(0, 199" in click
    assert repr("'); import os; os.abort() #") in text
    compile(text, "sent", "exec")
    machine.close()


def test_every_episode_gets_a_container_of_its_own(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig
) -> None:
    machines = FreshMachines(OsworldDockerProvider(config), spares=0)
    first, second = machines.take(), machines.take()
    assert isinstance(first, OsworldMachine) and isinstance(second, OsworldMachine)
    assert first.container != second.container
    first._remove()
    assert engine.removed == [first.container]
    assert first.gone() and not second.gone()


def test_a_device_that_hangs_is_found_out_by_a_boot_and_remembered(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig, tmp_path: Path
) -> None:
    (tmp_path / "kvm").touch()
    engine.boots_with_kvm = False
    probing = config.model_copy(update={"kvm": "probe"})
    machine, container = started(engine, probing)
    assert container.environment["KVM"] == "N"
    assert len(engine.removed) == 1
    assert kvm.known() is False
    started(engine, probing)
    assert len(engine.removed) == 1
    machine.close()


def test_a_trial_that_failed_for_another_reason_says_nothing_of_the_device(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig, tmp_path: Path
) -> None:
    (tmp_path / "kvm").touch()
    engine.refusal = "no space left on device"
    with pytest.raises(DesktopLost, match="disk of the Docker engine is full"):
        started(engine, config.model_copy(update={"kvm": "probe"}))
    assert kvm.known() is None


def test_a_finding_that_cannot_be_kept_loses_no_machine(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kvm").touch()
    monkeypatch.setattr(kvm, "_file", lambda: tmp_path / "nowhere" / "kvm.json")
    machine, _ = started(engine, config.model_copy(update={"kvm": "probe"}))
    assert not machine.gone()
    machine.close()


def test_a_device_that_works_is_used(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig, tmp_path: Path
) -> None:
    (tmp_path / "kvm").touch()
    machine, container = started(engine, config.model_copy(update={"kvm": "probe"}))
    assert "KVM" not in container.environment
    assert container.asked["HostConfig"]["Devices"][0]["PathOnHost"] == "/dev/kvm"
    assert kvm.known() is True
    machine.close()


def test_what_was_found_before_a_restart_of_the_host_is_not_believed(
    engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    kvm.remember(False)
    assert kvm.known() is False
    monkeypatch.setattr(kvm, "_boot", lambda: "another")
    assert kvm.known() is None


def test_no_device_means_no_trial(engine: SimulatedEngine, config: OsworldDockerDesktopsConfig) -> None:
    machine, container = started(engine, config.model_copy(update={"kvm": "probe"}))
    assert container.environment["KVM"] == "N"
    assert engine.removed == []
    machine.close()


def test_a_choice_of_the_user_is_not_tried_out(engine: SimulatedEngine, config: OsworldDockerDesktopsConfig) -> None:
    engine.boots_with_kvm = False
    with pytest.raises(DesktopLost, match=r"no screenshot within 0\.3 s \(with KVM\)"):
        OsworldDockerProvider(config.model_copy(update={"kvm": "on", "start_timeout_s": 0.3})).start()
    assert engine.containers == {}


def test_a_container_that_ends_is_told_with_its_last_words_and_removed(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig
) -> None:
    engine.ends_at_once = True
    with pytest.raises(DesktopLost, match="published no port"):
        OsworldDockerProvider(config).start()
    assert engine.containers == {}


@pytest.mark.parametrize(
    ("content", "cure"), [(b"PK\x05\x06" + bytes(18), "unpack it"), (b"hello", "download it again")]
)
def test_a_disk_that_is_none_is_refused(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig, disk: Path, content: bytes, cure: str
) -> None:
    disk.write_bytes(content)
    with pytest.raises(DesktopLost, match=cure):
        OsworldDockerProvider(config).check()


def test_a_missing_disk_says_where_to_get_it(engine: SimulatedEngine, config: OsworldDockerDesktopsConfig) -> None:
    with pytest.raises(DesktopLost, match="let OSWorld download"):
        OsworldDockerProvider(config.model_copy(update={"disk": "/no/such.qcow2"})).check()


def test_a_missing_image_says_how_to_fetch_it(engine: SimulatedEngine, config: OsworldDockerDesktopsConfig) -> None:
    engine.images.clear()
    with pytest.raises(DesktopLost, match=f"docker pull {IMAGE}"):
        OsworldDockerProvider(config).check()


def test_what_a_dead_process_left_is_removed_at_the_next_start(
    engine: SimulatedEngine, config: OsworldDockerDesktopsConfig
) -> None:
    ours = labels("osworld-docker")
    for name, marks in {
        "dead": {**ours, OWNER: "1:1"},
        "alive": ours,
        "elsewhere": {**ours, OWNER: "1:1", HOST: "another"},
        "stranger": {OWNER: "1:1"},
    }.items():
        engine.containers[name] = Container(id=name, name=name, asked={"Labels": marks})
    OsworldDockerProvider(config).check()
    assert engine.removed == ["dead"]
    assert ours[DESKTOP] == "osworld-docker"
