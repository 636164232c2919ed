"""Two machines in one: network namespaces joined by a cable. Only root can make them, where the kernel lets it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

GONE_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One end of the cable."""

    name: str
    address: str

    def inside(self, *words: str) -> list[str]:
        """A command that runs on this machine."""
        return ["ip", "netns", "exec", self.name, *words]

    def pids(self) -> list[int]:
        """Everything that runs on it."""
        listed = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=True)
        return [int(word) for word in listed.stdout.split()]

    def pull_the_plug(self) -> None:
        """End everything on it at once, without a word, and return when nothing runs any more."""
        until = time.monotonic() + GONE_WITHIN_S
        while pids := self.pids():
            assert time.monotonic() < until, f"{self.name} still runs {pids}"
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)


def why_not() -> str:
    """Why no machines can be made here; empty if they can."""
    if shutil.which("ip") is None:
        return "network namespaces need the command `ip` (Debian: apt-get install iproute2)"
    try:
        with two_machines("probe"):
            return ""
    except subprocess.CalledProcessError as error:
        said = str(error.stderr).strip()
        return f"network namespaces cannot be made here ({said}); run as root on a machine of your own"


@contextlib.contextmanager
def two_machines(label: str) -> Iterator[tuple[Machine, Machine]]:
    """East and west, and a cable between them; gone afterwards with all that runs there."""
    mark = f"{os.getpid() % 100_000}"
    machines = tuple(
        Machine(name=f"arpo-{label}-{side}-{mark}", address=f"10.213.7.{number}")
        for number, side in enumerate(("east", "west"), start=1)
    )
    ends = [f"ar{number}x{mark}" for number in (1, 2)]
    try:
        for machine in machines:
            _ip("netns", "add", machine.name)
        _ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for machine, end in zip(machines, ends, strict=True):
            _ip("link", "set", end, "netns", machine.name)
            _ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", end)
            _ip("-n", machine.name, "link", "set", "lo", "up")
            _ip("-n", machine.name, "link", "set", end, "up")
        yield machines[0], machines[1]
    finally:
        for machine in machines:
            with contextlib.suppress(subprocess.CalledProcessError):
                machine.pull_the_plug()
                _ip("netns", "delete", machine.name)
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "delete", ends[0])


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, text=True, check=True)
