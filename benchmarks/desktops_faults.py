"""Faults for desktops in use: each ends, freezes, breaks, fills or slows one down, from outside. Needs root."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import psutil

from arpo_engine.desktops.docker.provider import DockerMachine
from arpo_engine.desktops.machines import Machine
from arpo_engine.desktops.xvfb.provider import XvfbMachine

HOME = "/home/user"
PAGE = 4096
SLOW_BYTES_PER_S = 2 * 2**20
"""Of a network on which a raw screenshot of 1920 x 1080 takes three seconds."""
SLOW_ANSWER_S = 0.2
CHUNK = 65_536
COMMAND_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Victim:
    """A desktop in use."""

    machine: Machine
    processes: list[psutil.Process]
    """Everything that runs in it, the first process first."""
    hang_up: Callable[[], None]
    """Close the connection to its server, so that the next request makes a new one."""


def _of(victim: Victim, name: str) -> list[psutil.Process]:
    """The processes of a desktop that run a program.

    Raises:
        RuntimeError: none does, so that the fault would be none.
    """
    wanted = []
    for process in victim.processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(name in word for word in process.cmdline()[:4]):
                wanted.append(process)
    if not wanted:
        raise RuntimeError(f"no {name} runs in this desktop, so that it cannot be broken")
    return wanted


def _killed(victim: Victim) -> None:
    victim.processes[0].kill()


def _frozen(victim: Victim) -> None:
    for process in _of(victim, "Xvfb"):
        process.send_signal(signal.SIGSTOP)


def _without_display(victim: Victim) -> None:
    """The server goes on, and answers everything with an inner error."""
    for process in _of(victim, "Xvfb"):
        process.kill()


def _full(victim: Victim) -> None:
    """A home that is as small as can be, and full: a real one would fill the disk of the Docker engine."""
    pid = _of(victim, "arpo_desktop")[-1].pid
    fill = f"mount -t tmpfs -o size={PAGE},mode=777 full {HOME} && head -c {PAGE} /dev/zero > {HOME}/full"
    done = subprocess.run(
        ["nsenter", f"--target={pid}", "--mount", "sh", "-c", fill],
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the disk of {victim.machine.name} could not be filled: {done.stderr.strip()}")


def _slow_network(victim: Victim) -> None:
    machine = victim.machine
    assert isinstance(machine, DockerMachine | XvfbMachine), "the two kinds that have machines here"
    machine.address = replace(machine.address, server_port=slow_way(machine.address.server_port))
    victim.hang_up()


def slow_way(port: int) -> int:
    """A port of this machine that leads to another one, slowly; open for as long as this process lives."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            caller, _ = listener.accept()
            try:
                called = socket.create_connection(("127.0.0.1", port))
            except OSError:
                caller.close()
                continue
            for source, sink, bytes_per_s in ((caller, called, 0), (called, caller, SLOW_BYTES_PER_S)):
                threading.Thread(target=_pump, args=(source, sink, bytes_per_s), daemon=True).start()

    threading.Thread(target=accept, name="slow-way", daemon=True).start()
    return int(listener.getsockname()[1])


def _pump(source: socket.socket, sink: socket.socket, bytes_per_s: int) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            if bytes_per_s:
                time.sleep(len(chunk) / bytes_per_s + (SLOW_ANSWER_S if len(chunk) < CHUNK else 0))
            sink.sendall(chunk)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.close()


FAULTS: Mapping[str, Callable[[Victim], None]] = {
    "killed": _killed,
    "frozen_display": _frozen,
    "server_errors": _without_display,
    "full_disk": _full,
    "slow_network": _slow_network,
}
