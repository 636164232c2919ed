"""The local Ray head: one node with a token of its own, its processes below one foreground parent.

It listens on 127.0.0.1, or on an address of this machine that others reach and join (`./arpo up --node-ip`). Jobs are
submitted from this machine only, so its dashboard stays on 127.0.0.1 either way.

Token authentication is set explicitly: left to its defaults, Ray turns it on or off by what else lies in the home.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from arpo_engine.contract.secrets import USUAL_SECRETS, withheld
from webapp.env import BASE_DIR, envint, envlist, secret_file
from webapp.supervisor.child import Spec
from webapp.supervisor.logs import RotatingLog
from webapp.supervisor.ports import LOOPBACK, choose_port, free_port
from webapp.supervisor.process import Program

READY_WITHIN_S: Final = 210.0
RAYLET_START_WITHIN_S: Final = 150
AGENT_START_WITHIN_MS: Final = 120_000
USUAL_PORT: Final = 6379
PATIENCE: Final = {
    "RAY_raylet_start_wait_time_s": str(RAYLET_START_WITHIN_S),
    "RAY_agent_register_timeout_ms": str(AGENT_START_WITHIN_MS),
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Variables of every node that we start: a machine with much to do may take its time."""
NOT_FOR_JOBS: Final = ("RAY_ADDRESS", "DATABASE_URL", "VALKEY_URL", "SECRET_KEY")
"""What the head does not pass on: it must not take itself for a client of a cluster that the environment names, and
jobs, which run models that people bring, have no business with the console's own keys, nor with any other secret that
ARPO_RUN_SECRETS does not list."""
START: Final = ("start", "--head", "--block", "--include-dashboard=true", "--disable-usage-stats", "--no-monitor")
WARM_UP: Final = "import ray.dashboard.agent, ray.dashboard.head, ray._private.runtime_env.agent.main"
"""Ray gives its helpers 15 s to import all they need; fresh files, not yet compiled, may take longer than that."""


def warm_up() -> None:
    """Import once what Ray's helpers import, so that their own start is short. A failure shows when Ray starts."""
    subprocess.run(
        [sys.executable, "-c", WARM_UP],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


class RayHead:
    """One Ray head for one data dir."""

    def __init__(self, data: Path, logs: Path, node_ip: str = LOOPBACK) -> None:
        self.data = data
        self.log = RotatingLog(logs / "ray.log")
        self.node_ip = node_ip
        # Others find it where Ray's heads usually are, so that a firewall can be told.
        self.port = free_port() if node_ip == LOOPBACK else choose_port(node_ip, USUAL_PORT)
        self.dashboard_port = free_port()
        self.token = secret_file(data / "secrets" / "ray_token", length=32)

    @property
    def address(self) -> str:
        """Where jobs are submitted."""
        return f"http://{LOOPBACK}:{self.dashboard_port}"

    @property
    def joined_at(self) -> str:
        """Where other machines join, as host:port."""
        return f"{self.node_ip}:{self.port}"

    @property
    def folder(self) -> Path:
        """Ray's own files: short, because the paths of its sockets may have about a hundred characters."""
        mark = hashlib.sha256(str(self.data).encode()).hexdigest()[:8]
        return Path(tempfile.gettempdir()) / f"arpo-ray-{os.getuid()}-{mark}"

    def auth(self) -> dict[str, str]:
        """What head, jobs and everyone who submits must agree on."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}

    def spec(self, environment: dict[str, str]) -> Spec:
        """The head as a child; ready when a job could be submitted."""
        return Spec(
            name="ray",
            log=self.log,
            program=lambda: self._program(environment),
            ready=self.has_node,
            broken=self.raylet_died,
            ready_within_s=READY_WITHIN_S,
            essential=False,
        )

    def has_node(self) -> bool:
        """Whether the API lets us in and its one node is there; before that it takes no job."""
        request = urllib.request.Request(
            f"{self.address}/nodes?view=summary", headers={"Authorization": f"Bearer {self.token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=3) as answer:
                nodes = json.load(answer)["data"]["summary"]
        except (urllib.error.URLError, OSError, ValueError, KeyError):
            return False
        return any(node.get("raylet", {}).get("state") == "ALIVE" for node in nodes)

    def raylet_died(self) -> str:
        """Why this start cannot succeed; empty while it may. Ray itself notices only minutes later.

        The usual reason is a machine so busy that a helper missed Ray's own fixed deadline: the next start finds
        its files in memory and is quicker.
        """
        try:
            said = (self.folder / "session_latest" / "logs" / "raylet.err").read_text(
                encoding="utf-8", errors="replace"
            )
        except OSError:
            return ""
        return "its raylet gave up waiting for a helper" if "StackTrace" in said else ""

    def _put_aside_earlier_files(self) -> None:
        """The logs of the last head may tell why it ended; those before it are of no use any more."""
        earlier = self.folder.with_name(f"{self.folder.name}.old")
        shutil.rmtree(earlier, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(earlier)

    def _program(self, environment: dict[str, str]) -> Program:
        self._put_aside_earlier_files()
        self.folder.mkdir(mode=0o700)
        ray = Path(sys.executable).with_name("ray")
        words = {
            "--port": self.port,
            "--node-ip-address": self.node_ip,
            "--num-cpus": envint("ARPO_RAY_CPUS", os.cpu_count() or 1, minimum=1),
            "--temp-dir": self.folder,
            "--dashboard-host": LOOPBACK,
            "--dashboard-port": self.dashboard_port,
            "--dashboard-agent-listen-port": free_port(),
            "--dashboard-agent-grpc-port": free_port(),
            "--metrics-export-port": free_port(),
            "--runtime-env-agent-port": free_port(),
            "--ray-client-server-port": free_port(),
        }
        settings = PATIENCE | {"RAY_TMPDIR": str(self.folder)}
        if self.node_ip == LOOPBACK:
            # Off means: this node is 127.0.0.1 to itself. A laptop that changes its network keeps its head.
            settings["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        listed = envlist("ARPO_RUN_SECRETS", list(USUAL_SECRETS))
        kept_back = {*NOT_FOR_JOBS, *withheld(environment, listed)}
        inherited = {key: value for key, value in environment.items() if key not in kept_back}
        return Program(
            name="ray",
            argv=(str(ray), *START, *(f"{key}={value}" for key, value in words.items())),
            env=inherited | self.auth() | settings,
            cwd=BASE_DIR,
            stop_within_s=20.0,
        )
