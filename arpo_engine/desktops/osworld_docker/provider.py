"""Starts OSWorld's official desktop through the Docker SDK, with the settings that OSWorld's own provider gives it.

The disk is only read, so a container begins in the disk's state, always; a desktop is made fresh by removing its
container and starting another. How the image behaves is known here from OSWorld's code (environment, ports, capability,
ready when /screenshot answers), not from running it: see docs/guides/desktops.md for what is unverified.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from arpo_engine.contract.config.containers import OsworldDockerDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.docker.container import ContainerMachine
from arpo_engine.desktops.docker.engine import LOOPBACK, DockerApi, connect, explained
from arpo_engine.desktops.docker.labels import labels
from arpo_engine.desktops.docker.names import new_name
from arpo_engine.desktops.docker.ports import published
from arpo_engine.desktops.docker.reaper import reap, remove
from arpo_engine.desktops.docker.watch import Watch
from arpo_engine.desktops.machines import Address
from arpo_engine.desktops.osworld_docker import kvm
from arpo_engine.desktops.osworld_docker.disk import find_disk
from arpo_engine.desktops.waiting import wait_until

log = logging.getLogger(__name__)

SERVER_PORT, CHROMIUM_PORT, VLC_PORT, VIEWER_PORT = 5000, 9222, 8080, 8006
PORTS = (SERVER_PORT, CHROMIUM_PORT, VLC_PORT)
DISK_INSIDE = "/System.qcow2"
LOOK_EVERY_S = 1.0
LOOK_TIMEOUT_S = 10.0
WORDS_OF_LOG = 400


@dataclass(slots=True, kw_only=True)
class OsworldMachine(ContainerMachine):
    """Implements `Machine` and `PausableMachine`."""

    def gone(self) -> str:
        """What the Docker engine says of a container that does not run."""
        try:
            with explained(f"a look at the container {self.name}"):
                state = self.api.inspect_container(self.container)["State"]
        except DesktopLost as error:
            return str(error)
        return "" if state["Running"] else f"its container has ended with code {state['ExitCode']}"


class OsworldDockerProvider:
    """Implements `Provider`."""

    def __init__(self, config: OsworldDockerDesktopsConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._trial = threading.Lock()
        self._api: DockerApi | None = None
        self._watch: Watch | None = None

    def check(self) -> Path:
        """Whether a desktop could be started, without starting one; returns the disk.

        Raises:
            DesktopLost: engine, image or disk is missing; the text says what to do.
        """
        disk = find_disk(self._config.disk)
        api = self._engine()
        with explained("a look at the image", self._config.image, self._cure()):
            api.inspect_image(self._config.image)
        return disk

    def start(self) -> OsworldMachine:
        """A virtual machine that has booted; see `Provider.start`."""
        disk = self.check()
        if self._config.kvm != "probe":
            return self._boot(disk, use_kvm=self._config.kvm == "on", timeout_s=self._config.start_timeout_s)
        with self._trial:
            found = kvm.known() if kvm.can_be_tried() else False
            if found is None:
                return self._try_kvm(disk)
        return self._boot(disk, use_kvm=found, timeout_s=self._config.start_timeout_s)

    def _try_kvm(self, disk: Path) -> OsworldMachine:
        """The first boot on a host is the trial: with a KVM that runs it takes tens of seconds."""
        limit_s = self._config.kvm_timeout_s
        try:
            machine = self._boot(disk, use_kvm=True, timeout_s=limit_s)
        except DesktopLost as error:
            log.warning(
                "the virtual machine does not boot on /dev/kvm, so it is started without, which is slow; "
                "desktops.kvm = on or off skips this trial",
                extra={"limit_s": limit_s, "reason": str(error)},
            )
            machine = self._boot(disk, use_kvm=False, timeout_s=self._config.start_timeout_s)
            # Only now: a full disk or an engine that ends would have failed the trial just the same.
            kvm.remember(False)
            return machine
        kvm.remember(True)
        return machine

    def _engine(self) -> DockerApi:
        with self._lock:
            if self._api is None:
                api = connect()
                reap(api)
                self._api = api
            return self._api

    def _be_watched(self) -> None:
        """The image knows no lifeline, so somebody else looks after what we leave when we are killed."""
        with self._lock:
            self._watch = self._watch or Watch()

    def _boot(self, disk: Path, *, use_kvm: bool, timeout_s: float) -> OsworldMachine:
        api, name = self._engine(), new_name()
        self._be_watched()
        with explained("making a container", self._config.image, self._cure()):
            container = api.create_container(
                self._config.image,
                name=name,
                labels=labels("osworld-docker"),
                environment=self._environment(use_kvm),
                ports=[VIEWER_PORT, *PORTS],
                host_config=api.create_host_config(**_machine(disk, use_kvm)),
            )["Id"]
        try:
            with explained(f"starting the container {name}"):
                api.start(container)
                server, chromium, vlc = published(api, container, PORTS)
            address = Address(server_port=server, chromium_port=chromium, vlc_port=vlc, typed=False)
            machine = OsworldMachine(name=f"osworld:{name}", address=address, api=api, container=container)
            self._wait(machine, use_kvm, timeout_s)
        except DesktopLost:
            with contextlib.suppress(DesktopLost):
                remove(api, container)
            raise
        return machine

    def _environment(self, use_kvm: bool) -> dict[str, str]:
        config = self._config
        wanted = {
            "DISK_SIZE": f"{config.disk_gb}G",
            "RAM_SIZE": f"{config.memory_gb}G",
            "CPU_CORES": str(config.cpus),
        }
        return wanted if use_kvm else {**wanted, "KVM": "N"}

    def _wait(self, machine: OsworldMachine, use_kvm: bool, timeout_s: float) -> None:
        """Until it sends a picture, which for this image means that it has booted."""
        how = "with KVM" if use_kvm else "without KVM, which is slow: raise desktops.start_timeout_s"
        wait_until(
            DesktopClient.look,
            machine,
            ended=partial(_why_ended, machine),
            late=f"sent no screenshot within {timeout_s:g} s ({how})",
            timeout_s=timeout_s,
            request_timeout_s=LOOK_TIMEOUT_S,
            every_s=LOOK_EVERY_S,
        )

    def _cure(self) -> str:
        return f"fetch it with: docker pull {self._config.image}"


def _why_ended(machine: OsworldMachine) -> str:
    """Why its container has ended, with its last words; empty while it runs."""
    reason = machine.gone()
    if not reason:
        return ""
    with explained("the container's log"):
        said: bytes = machine.api.logs(machine.container, tail=20)
    return f"{reason}: {said.decode('utf-8', 'replace').strip()[-WORDS_OF_LOG:]}"


def _machine(disk: Path, use_kvm: bool) -> dict[str, Any]:
    """What the container gets from its host: the disk, read-only, ports for this machine only, and the device."""
    return {
        "cap_add": ["NET_ADMIN"],
        "devices": ["/dev/kvm:/dev/kvm:rwm"] if use_kvm else [],
        "binds": {str(disk): {"bind": DISK_INSIDE, "mode": "ro"}},
        "port_bindings": dict.fromkeys((VIEWER_PORT, *PORTS), (LOOPBACK, None)),
    }
