"""A Ray cluster on two machines: the head as `./arpo up --node-ip` starts it, the other as `./arpo join` does."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import arpo_engine
from tests.rehearsal.network import Machine
from webapp.supervisor.join import node_program
from webapp.supervisor.rayhead import PATIENCE

PORT = 6379
UP_WITHIN_S = 240.0
STARTED = "Ray runtime started"
PACKAGE = Path(arpo_engine.__file__).parent


class TwoNodes:
    """The cluster of the rehearsal; each node has room for `desktops` desktops."""

    def __init__(self, east: Machine, west: Machine, folder: Path, *, desktops: int) -> None:
        self.east, self.west = east, west
        self.desktops = desktops
        self.head = f"{east.address}:{PORT}"
        self._folder = folder
        self._token = secrets.token_hex(16)

    @property
    def environment(self) -> dict[str, str]:
        """What a driver on the east machine needs to find the cluster."""
        inherited = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
        auth = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self._token, "RAY_ADDRESS": self.head}
        return inherited | PATIENCE | auth | {"OMP_NUM_THREADS": "1"}

    def start_head(self) -> None:
        """ARPO's own words: `ray start --head --resources='{"docker:<ip>": N}'`."""
        ray = str(Path(sys.executable).with_name("ray"))
        words = ["start", "--head", "--block", f"--port={PORT}", f"--node-ip-address={self.east.address}"]
        words += [
            "--include-dashboard=false",
            "--disable-usage-stats",
            "--num-cpus=2",
            f"--temp-dir={self._folder}/ray",
        ]
        words += [f'--resources={{"docker:{self.east.address}": {self.desktops}}}']
        environment = {key: value for key, value in self.environment.items() if key != "RAY_ADDRESS"}
        self._start(self.east.inside(ray, *words), environment, "head.log")

    def start_node(self) -> None:
        """What `./arpo join --desktops N` runs, once the console has let the machine in.

        The machine has the environment and no code of ours: where our package lies it sees an empty folder.
        """
        program = node_program(self.head, self._token, node_ip=self.west.address, desktops=self.desktops, gpus=0)
        hide = ["sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(PACKAGE)]
        self._start(self.west.inside(*hide, *program.argv), dict(program.env), "node.log")

    def _start(self, command: list[str], environment: dict[str, str], log: str) -> None:
        path = self._folder / log
        with path.open("ab") as out:
            before = out.tell()
            running = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + UP_WITHIN_S
        while STARTED not in path.read_bytes()[before:].decode(errors="replace"):
            said = path.read_text(errors="replace")[-2000:]
            assert running.poll() is None, f"Ray ended while starting: {said}"
            assert time.monotonic() < until, f"Ray did not start within {UP_WITHIN_S:g} s: {said}"
            time.sleep(0.1)
