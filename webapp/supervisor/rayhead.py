"""The local Ray head: one node on 127.0.0.1 with a token of its own, its processes below one foreground parent.

Token authentication is set explicitly: left to its defaults, Ray turns it on or off by what else lies in the home.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from webapp.env import BASE_DIR, envint, secret_file
from webapp.supervisor.child import Spec
from webapp.supervisor.logs import RotatingLog
from webapp.supervisor.ports import LOOPBACK, free_port
from webapp.supervisor.process import Program

RAYLET_START_WITHIN_S: Final = 150
START: Final = ("start", "--head", "--block", "--include-dashboard=true", "--disable-usage-stats")


class RayHead:
    """One Ray head for one data dir."""

    def __init__(self, data: Path, logs: Path) -> None:
        self.data = data
        self.log = RotatingLog(logs / "ray.log")
        self.port = free_port()
        self.dashboard_port = free_port()
        self.token = secret_file(data / "secrets" / "ray_token", length=32)

    @property
    def address(self) -> str:
        """Where jobs are submitted."""
        return f"http://{LOOPBACK}:{self.dashboard_port}"

    @property
    def folder(self) -> Path:
        """Ray's own files: short, because the paths of its sockets may have about a hundred characters."""
        mark = hashlib.sha256(str(self.data).encode()).hexdigest()[:8]
        return Path(tempfile.gettempdir()) / f"arpo-ray-{os.getuid()}-{mark}"

    def auth(self) -> dict[str, str]:
        """What head, jobs and everyone who submits must agree on."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}

    def spec(self, environment: dict[str, str]) -> Spec:
        """The head as a child; ready when its jobs API answers."""
        return Spec(
            name="ray",
            log=self.log,
            program=lambda: self._program(environment),
            ready=self.answers,
            ready_within_s=RAYLET_START_WITHIN_S + 60.0,
            essential=False,
        )

    def answers(self) -> bool:
        """Whether the jobs API lets us in."""
        request = urllib.request.Request(f"{self.address}/api/jobs/", headers={"Authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=3) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _program(self, environment: dict[str, str]) -> Program:
        shutil.rmtree(self.folder, ignore_errors=True)  # sockets and logs of an earlier head
        self.folder.mkdir(mode=0o700)
        ray = Path(sys.executable).with_name("ray")
        words = {
            "--port": self.port,
            "--node-ip-address": LOOPBACK,
            "--num-cpus": envint("ARPO_RAY_CPUS", os.cpu_count() or 1, minimum=1),
            "--temp-dir": self.folder,
            "--dashboard-host": LOOPBACK,
            "--dashboard-port": self.dashboard_port,
            "--dashboard-agent-listen-port": free_port(),
            "--dashboard-agent-grpc-port": free_port(),
            "--metrics-export-port": free_port(),
            "--ray-client-server-port": free_port(),
        }
        settings = {
            "RAY_raylet_start_wait_time_s": str(RAYLET_START_WITHIN_S),
            "RAY_USAGE_STATS_ENABLED": "0",
            # Off means: this node is 127.0.0.1 to itself. A laptop that changes its network keeps its head.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_TMPDIR": str(self.folder),
        }
        # The head must not take itself for a client of a cluster that the environment names.
        inherited = {key: value for key, value in environment.items() if key != "RAY_ADDRESS"}
        return Program(
            name="ray",
            argv=(str(ray), *START, *(f"{key}={value}" for key, value in words.items())),
            env=inherited | self.auth() | settings,
            cwd=BASE_DIR,
            stop_within_s=20.0,
        )
