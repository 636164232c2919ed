"""The provider of the official image on a real Docker engine, with a stand-in for the image: our own, which listens on
the same port when nobody asks for more, wants no token, and runs pyautogui code. No virtual machine is booted here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.contract.actions import Click, TypeText
from arpo_engine.contract.config.containers import OsworldDockerDesktopsConfig
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.docker.engine import DockerApi
from arpo_engine.desktops.osworld_docker.provider import OsworldDockerProvider, OsworldMachine
from tests.docker.conftest import IMAGE, within

pytestmark = pytest.mark.docker


@pytest.fixture
def config(engine: DockerApi, tmp_path: Path) -> OsworldDockerDesktopsConfig:
    disk = tmp_path / "Ubuntu.qcow2"
    disk.write_bytes(b"QFI\xfb" + bytes(60))
    return OsworldDockerDesktopsConfig(image=IMAGE, disk=str(disk), kvm="off", spares=0)


@pytest.fixture
def machine(config: OsworldDockerDesktopsConfig) -> Iterator[OsworldMachine]:
    made = OsworldDockerProvider(config).start()
    yield made
    made.close()


def test_it_sees_and_acts_through_ports_that_the_engine_chose(machine: OsworldMachine) -> None:
    client = DesktopClient(machine, 60.0)
    assert client.look().shape == (1080, 1920, 3)
    client.act(Click(x=123, y=456), (1920, 1080))
    client.act(TypeText(text="it's <b>"), (1920, 1080))
    assert client._ask("GET", "/cursor_position")[1] == b"[123, 456]"


def test_the_disk_is_given_and_cannot_be_written(machine: OsworldMachine) -> None:
    client = DesktopClient(machine, 60.0)
    said = client.post("/execute", {"command": "head -c 3 /System.qcow2; touch /System.qcow2 2>&1", "shell": True})
    assert said["output"].startswith("QFI") and said["returncode"] != 0


def test_a_container_that_is_removed_is_gone(engine: DockerApi, machine: OsworldMachine) -> None:
    assert machine.gone() == ""
    engine.remove_container(machine.container, force=True, v=True)
    assert "No such container" in machine.gone()


def test_a_killed_process_leaves_no_container(engine: DockerApi, config: OsworldDockerDesktopsConfig) -> None:
    script = f"""
import time
from arpo_engine.contract.config.containers import OsworldDockerDesktopsConfig
from arpo_engine.desktops.osworld_docker.provider import OsworldDockerProvider
config = OsworldDockerDesktopsConfig.model_validate_json({config.model_dump_json()!r})
print(OsworldDockerProvider(config).start().container, flush=True)
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    container = process.stdout.readline().strip()
    assert engine.containers(all=True, filters={"id": container})
    process.kill()
    process.wait()
    assert within(60, lambda: not engine.containers(all=True, filters={"id": container}))
