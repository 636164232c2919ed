"""Starts light desktops, a container each: our server and real applications, without a network and without rights.

A container is used for one episode and then removed with everything that was written in it; that is how a state becomes
fresh. See docs/adr/0012-containers.md for how it is reached, limited and ended.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.docker.doors import Doors
from arpo_engine.desktops.docker.engine import LOOPBACK, DockerApi, connect, explained
from arpo_engine.desktops.docker.image import BUILD
from arpo_engine.desktops.docker.labels import labels
from arpo_engine.desktops.docker.lifeline import Lifeline
from arpo_engine.desktops.docker.names import new_name
from arpo_engine.desktops.docker.ports import published
from arpo_engine.desktops.docker.reaper import reap, remove
from arpo_engine.desktops.docker.watch import Watch
from arpo_engine.desktops.machines import Address

log = logging.getLogger(__name__)

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


@dataclass(slots=True)
class DockerMachine:
    """Implements `Machine`."""

    name: str
    address: Address
    api: DockerApi
    container: str
    lifeline: Lifeline
    doors: Doors | None
    _closing: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def gone(self) -> str:
        """Why its connection has ended."""
        if not self.lifeline.ended:
            return ""
        said = self.lifeline.last_words(0.0)
        return "its container has ended" + (f": {said[-WORDS_OF_LOG:]}" if said else "")

    def close(self) -> None:
        """Let go, and have the container removed while others go on; the process does not end before that is done."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self.lifeline.close()
        if self.doors is not None:
            self.doors.close()
        threading.Thread(target=self._remove, name=f"remove-{self.name}").start()

    def _remove(self) -> None:
        try:
            remove(self.api, self.container)
        except DesktopLost as error:
            log.warning("a container could not be removed", extra={"desktop": self.name, "reason": str(error)})


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
        """Until it acts and sees."""
        client = DesktopClient(machine, self._config.request_timeout_s)
        deadline = time.monotonic() + self._config.start_timeout_s
        try:
            while True:
                try:
                    return client.ready()
                except DesktopLost as error:
                    if machine.lifeline.ended:
                        raise DesktopLost(f"{machine.name} did not start; {machine.gone()}") from error
                    if time.monotonic() > deadline:
                        limit = f"within {self._config.start_timeout_s:g} s"
                        raise DesktopLost(f"{machine.name} did not act and see {limit}: {error}") from error
                time.sleep(LOOK_EVERY_S)
        finally:
            client.close()


def _way_in(doors: Doors | None) -> dict[str, Any]:
    """How the server is reached: through a shared folder, or by ports that the engine chooses for this machine only."""
    if doors is not None:
        return {"network_mode": "none", "binds": {str(doors.folder): {"bind": SOCKETS, "mode": "rw"}}}
    return {"network_mode": "bridge", "port_bindings": dict.fromkeys(PORTS, (LOOPBACK, None))}
