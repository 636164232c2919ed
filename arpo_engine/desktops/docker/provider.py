"""Starts light desktops, a container each: our server and real applications, without a network and without rights.

A container is used for one episode and then removed with everything that was written in it; that is how a state becomes
fresh. See docs/adr/0012-containers.md for how it is reached, limited and ended.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import Any

from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.docker.container import ContainerMachine
from arpo_engine.desktops.docker.doors import Doors
from arpo_engine.desktops.docker.engine import LOOPBACK, DockerApi, connect, explained
from arpo_engine.desktops.docker.labels import labels
from arpo_engine.desktops.docker.lifeline import Lifeline
from arpo_engine.desktops.docker.names import new_name
from arpo_engine.desktops.docker.ports import published
from arpo_engine.desktops.docker.reaper import reap, remove
from arpo_engine.desktops.docker.watch import Watch
from arpo_engine.desktops.machines import Address
from arpo_engine.desktops.waiting import wait_until

SERVER_PORT, CHROMIUM_PORT, VLC_PORT = 5000, 9222, 8080
PORTS = (SERVER_PORT, CHROMIUM_PORT, VLC_PORT)
SOCKETS = "/run/arpo-sockets"
"""Where the image makes its sockets; see docker/desktop/start.py."""
LOOK_EVERY_S = 0.05
SHARED_MEMORY = "256m"
MOST_PROCESSES = 1024
TO_BECOME_ROOT = ["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"]
"""What sudo and the commands that tasks run with it need, all inside the container."""
WORDS_OF_LOG = 400
BUILD = "build it with ./arpo setup desktop-image"


@dataclass(slots=True, kw_only=True)
class DockerMachine(ContainerMachine):
    """Implements `Machine` and `PausableMachine`."""

    lifeline: Lifeline
    doors: Doors | None

    def gone(self) -> str:
        """Why its connection has ended."""
        return f"its container has ended{self._last_words()}" if self.lifeline.ended else ""

    def _last_words(self) -> str:
        said = self.lifeline.last_words(0.0)
        return f": {said[-WORDS_OF_LOG:]}" if said else ""

    def _let_go(self) -> None:
        self.lifeline.close()
        if self.doors is not None:
            self.doors.close()


class DockerProvider:
    """Implements `Provider`."""

    def __init__(self, config: DockerDesktopsConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._api: DockerApi | None = None
        self._watch: Watch | None = None

    def start(self) -> DockerMachine:
        """A fresh container; see `Provider.start`."""
        api = self._engine()
        name = new_name()
        doors = Doors(name, PORTS) if self._config.network == "none" else None
        try:
            machine = self._run(api, name, doors)
        except DesktopLost:
            if doors is not None:
                doors.close()
            raise
        try:
            self._wait(machine)
        except DesktopLost:
            machine.close()
            raise
        return machine

    def _engine(self) -> DockerApi:
        """Connected once; whatever a dead process of this machine left behind goes then."""
        with self._lock:
            if self._api is None:
                api = connect()
                reap(api)
                self._watch = Watch()
                self._api = api
            return self._api

    def _run(self, api: DockerApi, name: str, doors: Doors | None) -> DockerMachine:
        token = secrets.token_urlsafe(24)
        image = self._config.image
        with explained("making a container", image, BUILD):
            container = api.create_container(
                image,
                command=["--width", str(self._config.width), "--height", str(self._config.height)],
                name=name,
                labels=labels("docker"),
                environment=self._environment(token, doors),
                stdin_open=True,
                ports=[] if doors is not None else list(PORTS),
                host_config=api.create_host_config(**self._limits(), **_way_in(doors)),
            )["Id"]
        try:
            with explained(f"starting the container {name}"):
                lifeline = Lifeline(api, container)
                api.start(container)
                lifeline.take()
                address = self._address(api, container, token, doors)
        except DesktopLost:
            remove(api, container)
            raise
        return DockerMachine(
            name=f"docker:{name}", address=address, api=api, container=container, lifeline=lifeline, doors=doors
        )

    def _environment(self, token: str, doors: Doors | None) -> dict[str, str]:
        wanted = {"ARPO_DESKTOP_TOKEN": token, "ARPO_DESKTOP_LIFELINE": "stdin"}
        return wanted if doors is None else {**wanted, "ARPO_DESKTOP_DOORS": " ".join(map(str, PORTS))}

    def _limits(self) -> dict[str, Any]:
        config = self._config
        rights: dict[str, Any] = {"security_opt": ["no-new-privileges"]}
        if config.administrator:
            rights = {"cap_add": TO_BECOME_ROOT}
        return {
            "cap_drop": ["ALL"],
            **rights,
            "mem_limit": f"{config.memory_mb}m",
            "memswap_limit": f"{config.memory_mb}m",
            "nano_cpus": round(config.cpus * 1e9),
            "pids_limit": MOST_PROCESSES,
            "shm_size": SHARED_MEMORY,
            "auto_remove": True,
        }

    def _address(self, api: DockerApi, container: str, token: str, doors: Doors | None) -> Address:
        if doors is not None:
            server, chromium, vlc = (doors.port(port) for port in PORTS)
        else:
            server, chromium, vlc = published(api, container, PORTS)
        return Address(server_port=server, chromium_port=chromium, vlc_port=vlc, token=token)

    def _wait(self, machine: DockerMachine) -> None:
        wait_until(
            DesktopClient.ready,
            machine,
            ended=machine.gone,
            late=f"did not act and see within {self._config.start_timeout_s:g} s",
            timeout_s=self._config.start_timeout_s,
            request_timeout_s=self._config.request_timeout_s,
            every_s=LOOK_EVERY_S,
        )


def _way_in(doors: Doors | None) -> dict[str, Any]:
    """How the server is reached: through a shared folder, or by ports that the engine chooses for this machine only."""
    if doors is not None:
        return {"network_mode": "none", "binds": {str(doors.folder): {"bind": SOCKETS, "mode": "rw"}}}
    return {"network_mode": "bridge", "port_bindings": dict.fromkeys(PORTS, (LOOPBACK, None))}
