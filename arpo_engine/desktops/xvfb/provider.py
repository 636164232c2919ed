"""Starts desktops on this host: a server and its display in namespaces of their own, under a user without rights.

The ports are chosen by the kernel and bound here, before the desktop starts, which inherits them; so none is scanned
for and none is taken meanwhile. A desktop lives as long as this process holds the writing end of its standard input.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from arpo_engine.contract.config.desktops import XvfbDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.machines import Address
from arpo_engine.desktops.owners import owner_of
from arpo_engine.desktops.waiting import wait_until
from arpo_engine.desktops.xvfb import requirements
from arpo_engine.desktops.xvfb.reaper import LABEL
from arpo_engine.tasks.places import data_folder

SERVER = Path(__file__).resolve().parent.parent / "server"
CHECKOUT = Path(__file__).resolve().parents[3]
FIRST_UID, UIDS = 60706, 478
"""Numbers that no system gives to people or services; a desktop's depends on its port, so neighbours differ."""
CHROMIUM_PORT, VLC_PORT = 9222, 8080
"""Where tasks make Chromium and VLC listen, inside."""
LOOK_EVERY_S = 0.05
END_TIMEOUT_S = 5.0
BACKLOG = 64
WORDS_OF_LOG = 400


@dataclass(slots=True)
class XvfbMachine:
    """Implements `Machine`."""

    name: str
    address: Address
    process: subprocess.Popen[bytes]

    def gone(self) -> str:
        """Why its first process has ended."""
        code = self.process.poll()
        return "" if code is None else f"its first process ended with {code}"

    def close(self) -> None:
        """Let go of its standard input, on which everything in it ends; what does not is killed."""
        for pipe in (self.process.stdin, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            self.process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # Killing `unshare` kills process 1 of the namespace, and that everything else.
            self.process.kill()
            self.process.wait()


class XvfbProvider:
    """Implements `Provider`."""

    def __init__(self, config: XvfbDesktopsConfig, packages: Path = requirements.PACKAGES) -> None:
        self._config = config
        self._packages = packages
        self._checked = False

    def start(self) -> XvfbMachine:
        """A fresh desktop; see `Provider.start`."""
        self._check()
        with contextlib.ExitStack() as held:
            sockets = [held.enter_context(_listening()) for _ in range(3)]
            machine = self._spawn(sockets)
        try:
            self._wait(machine)
        except DesktopLost:
            machine.close()
            raise
        return machine

    def _check(self) -> None:
        if not self._checked:
            problem = requirements.missing(self._packages)
            if problem:
                raise DesktopLost(problem)
            self._checked = True

    def _spawn(self, sockets: list[socket.socket]) -> XvfbMachine:
        as_root = os.geteuid() == 0
        server, chromium, vlc = (one.fileno() for one in sockets)
        ports = [int(one.getsockname()[1]) for one in sockets]
        token = secrets.token_urlsafe(24)
        options = {
            "--uid": FIRST_UID + ports[0] % UIDS if as_root else 0,
            "--home-mb": self._config.home_mb,
            "--packages": self._packages,
            "--width": self._config.width,
            "--height": self._config.height,
            "--fd": server,
        }
        command = [*requirements.unshare(as_root), requirements.PYTHON, "-m", SERVER.name, "enter"]
        command += [str(word) for pair in options.items() for word in pair]
        command += [word for folder in _hidden() for word in ("--hide", str(folder))]
        command += ["--relay", f"{chromium}:{CHROMIUM_PORT}", "--relay", f"{vlc}:{VLC_PORT}"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[server, chromium, vlc],
            start_new_session=True,
            cwd="/",
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "PYTHONPATH": str(SERVER.parent),
                "PYTHONDONTWRITEBYTECODE": "1",
                LABEL: owner_of(os.getpid()),
                "ARPO_DESKTOP_TOKEN": token,
            },
        )
        address = Address(server_port=ports[0], chromium_port=ports[1], vlc_port=ports[2], token=token)
        return XvfbMachine(name=f"xvfb:{ports[0]}", address=address, process=process)

    def _wait(self, machine: XvfbMachine) -> None:
        wait_until(
            DesktopClient.ready,
            machine,
            ended=partial(_why_ended, machine),
            late=f"did not act and see within {self._config.start_timeout_s:g} s",
            timeout_s=self._config.start_timeout_s,
            request_timeout_s=self._config.request_timeout_s,
            every_s=LOOK_EVERY_S,
        )


def _why_ended(machine: XvfbMachine) -> str:
    """What its first process said last; empty while it runs."""
    reason = machine.gone()
    if not reason:
        return ""
    assert machine.process.stderr is not None, "asked for where it was started"
    return machine.process.stderr.read().decode("utf-8", "replace").strip()[-WORDS_OF_LOG:] or reason


def _hidden() -> list[Path]:
    """What no desktop may read, whoever started the engine: its data and, in a checkout, configs with their oracles."""
    return [data_folder(), *([CHECKOUT] if (CHECKOUT / "pyproject.toml").is_file() else [])]


def _listening() -> socket.socket:
    """A socket on a port of the kernel's choice, for this machine only."""
    return socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
