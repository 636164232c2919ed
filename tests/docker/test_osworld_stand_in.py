"""The unchanged provider of OSWorld's official image boots a real virtual machine: a stand-in image that keeps the same
contract (ports, environment, `/System.qcow2`), QEMU without KVM, and a small Debian disk with our desktop server.

Built by hand, as docker/osworld-stand-in/Dockerfile says; ARPO_TEST_STAND_IN_IMAGE gives it another name.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from arpo_engine.contract.actions import Click, TypeText
from arpo_engine.contract.config.containers import OsworldDockerDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.docker.engine import DockerApi, connect, explained
from arpo_engine.desktops.machines import FreshMachines
from arpo_engine.desktops.osworld import RealDesktop
from arpo_engine.desktops.osworld_docker.provider import OsworldDockerProvider, OsworldMachine
from tests.docker.conftest import within
from tests.engine.desktops.xvfb.plain_keeper import PlainKeeper, a_task

pytestmark = [pytest.mark.docker, pytest.mark.slow]

IMAGE = os.environ.get("ARPO_TEST_STAND_IN_IMAGE", "arpo-osworld-stand-in")
BUILD = "build it as docker/osworld-stand-in/Dockerfile says"
DISK = "/disk/Debian.qcow2"
BOOT_TIMEOUT_S = 600.0
SCREEN = (1920, 1080)
WINDOW_S = 120.0
"""An editor opens in seconds, and ten times slower on an emulated processor."""
TREE_S = 300.0
"""The server gives applications a minute to describe themselves, and an emulated processor may need a second one."""


@pytest.fixture(scope="module")
def stand_in() -> DockerApi:
    try:
        api = connect()
        with explained("the image", IMAGE, BUILD):
            api.inspect_image(IMAGE)
    except DesktopLost as error:
        pytest.skip(str(error))
    return api


@pytest.fixture(scope="module")
def disk(stand_in: DockerApi, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's own file, as it is for the official image: outside of every container."""
    api = cast(Any, stand_in)
    source = api.create_container(IMAGE)["Id"]
    try:
        pieces, _ = api.get_archive(source, DISK)
        folder = tmp_path_factory.mktemp("docker_vm_data")
        with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
            archive.extractall(folder, filter="data")
    finally:
        stand_in.remove_container(source, force=True, v=True)
    return folder / Path(DISK).name


@pytest.fixture(scope="module")
def desktop(disk: Path) -> Iterator[RealDesktop]:
    config = OsworldDockerDesktopsConfig(
        image=IMAGE, disk=str(disk), kvm="off", memory_gb=1, cpus=2, disk_gb=4, start_timeout_s=BOOT_TIMEOUT_S
    )
    machines = FreshMachines(OsworldDockerProvider(config), 0)
    made = RealDesktop(machines, PlainKeeper(), request_timeout_s=60, pause_s=1.0, settle_s=0.0)
    made.reset(a_task())
    yield made
    made.close()


@pytest.fixture
def client(desktop: RealDesktop) -> Iterator[DesktopClient]:
    made = DesktopClient(desktop.machine, 120.0)
    yield made
    made.close()


def shell(client: DesktopClient, command: str) -> str:
    return str(client.post("/execute", {"command": command, "shell": True})["output"])


def tree(client: DesktopClient) -> str:
    """What the applications say of themselves; nothing where they did not in time."""
    try:
        return client._ask("GET", "/accessibility")[1].decode()
    except DesktopLost:
        return ""


def test_a_virtual_machine_sends_pictures_of_its_own_screen(desktop: RealDesktop, client: DesktopClient) -> None:
    assert client.look().shape == (SCREEN[1], SCREEN[0], 3)
    assert shell(client, "hostname; cat /proc/1/cmdline").startswith("user-virtual-machine")
    assert "desktop-init" in shell(client, "cat /proc/cmdline")


def test_it_has_what_the_environment_said(client: DesktopClient) -> None:
    assert shell(client, "nproc").strip() == "2"
    assert int(shell(client, "free -m | awk '/Mem/ {print $2}'")) < 1100
    assert int(shell(client, "cat /sys/block/vda/size")) * 512 == 4 * 2**30


def test_a_click_lands_where_it_was_aimed(desktop: RealDesktop, client: DesktopClient) -> None:
    desktop.step(Click(x=123, y=456))
    assert client._ask("GET", "/cursor_position")[1] == b"[123, 456]"


def test_what_is_typed_is_read_back_from_the_accessibility_tree(desktop: RealDesktop, client: DesktopClient) -> None:
    client._ask("POST", "/setup/launch", {"command": ["mousepad"]})
    assert within(WINDOW_S, lambda: "ousepad" in shell(client, "sleep 2; wmctrl -l"))
    desktop.step(Click(x=SCREEN[0] // 2, y=SCREEN[1] // 2))
    desktop.step(TypeText(text="it's <b>"))
    assert within(TREE_S, lambda: "it's &lt;b&gt;" in tree(client))


def test_it_is_paused_and_woken(desktop: RealDesktop, client: DesktopClient) -> None:
    machine = desktop.machine
    assert isinstance(machine, OsworldMachine)
    machine.pause()
    assert machine.api.inspect_container(machine.container)["State"]["Paused"]
    machine.wake()
    assert client.look().shape == (SCREEN[1], SCREEN[0], 3)


def test_the_next_episode_finds_the_disk_as_it_was(desktop: RealDesktop, client: DesktopClient, disk: Path) -> None:
    before = _hash(disk)
    assert shell(client, "echo here > ~/tampered; sync; cat ~/tampered") == "here\n"
    last = desktop.machine
    desktop.reset(a_task())
    assert desktop.machine is not last
    fresh = DesktopClient(desktop.machine, 120.0)
    assert shell(fresh, "ls ~/tampered 2>/dev/null; wmctrl -l | grep -c ousepad") == "0\n"
    assert _hash(disk) == before


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
