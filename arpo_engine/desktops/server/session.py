"""One desktop session: X display, session bus, window manager; started in order, and ready when it acts and sees.

Readiness is never a process that runs: it is a pointer that was moved and is where it was moved to, and a picture of
the screen with something on it. Knows no HTTP.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .hands import Hands
from .profiles import write_profiles
from .screen import Screen

BACKGROUND = "#2c3e50"
START_TIMEOUT_S = 20.0


class NotReady(Exception):
    """The desktop cannot be used (yet); the text says what is missing."""


class Session:
    """Owns the display's processes. `screen` and `hands` are there once it is ready."""

    def __init__(self, *, display: str, size: tuple[int, int], home: Path) -> None:
        self.display = display
        self.size = size
        self.home = home
        self.problem = "the desktop is starting"
        """Why it is not ready; empty when it is."""
        self.when_ready: Callable[[], None] = _nothing
        """Called once, when it is."""
        self._screen: Screen | None = None
        self._hands: Hands | None = None
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def screen(self) -> Screen:
        """What is seen.

        Raises:
            NotReady: the display is not up.
        """
        if self._screen is None:
            raise NotReady(self.problem)
        return self._screen

    @property
    def hands(self) -> Hands:
        """What acts.

        Raises:
            NotReady: the display is not up.
        """
        if self._hands is None:
            raise NotReady(self.problem)
        return self._hands

    def start_in_background(self) -> None:
        """Bring everything up while the server already answers."""
        threading.Thread(target=self._start, name="session", daemon=True).start()

    def check(self) -> None:
        """Act and see, now.

        Raises:
            NotReady: one of them fails, or a process that the desktop needs has ended.
        """
        if self.problem:
            raise NotReady(self.problem)
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise NotReady(f"{name} has ended with code {process.returncode}")
        self._act_and_see()

    def _start(self) -> None:
        try:
            self._prepare_environment()
            write_profiles(self.home)
            self._start_display()
            self._run("dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={_bus()}")
            self._run("openbox")
            self._screen = Screen(self.display)
            self._hands = Hands(self.display)
            self._hands.paint_background(BACKGROUND)
            self._wait_for_window_manager()
            self._act_and_see()
        # Whatever it was, whoever asks for readiness is told; there is nobody else to tell.
        except Exception as error:  # noqa: BLE001
            self.problem = f"the desktop did not start: {type(error).__name__}: {error}"
            return
        self.problem = ""
        self.when_ready()

    def _prepare_environment(self) -> None:
        os.environ["DISPLAY"] = self.display
        os.environ["XAUTHORITY"] = str(self.home / ".Xauthority")
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = _bus()
        # GTK, Qt and LibreOffice describe their windows only to those who ask for it before they start.
        os.environ.update(GTK_MODULES="gail:atk-bridge", NO_AT_BRIDGE="0", QT_LINUX_ACCESSIBILITY_ALWAYS_ON="1")
        # An empty file makes python-xlib warn on standard output, which breaks every path that a task reads back.
        cookie = os.urandom(16).hex()
        words = ["xauth", "-q", "-f", os.environ["XAUTHORITY"], "add", self.display, ".", cookie]
        subprocess.run(words, check=True, capture_output=True)

    def _start_display(self) -> None:
        width, height = self.size
        ready, written = os.pipe()
        self._run(
            *("Xvfb", self.display, "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"),
            *("-auth", os.environ["XAUTHORITY"], "-noreset", "-displayfd", str(written)),
            # Without a graphics card OpenGL is a compiler in every program that asks for it: 20 MB each, and slower.
            *("-extension", "GLX"),
            keep=written,
        )
        os.close(written)
        with os.fdopen(ready, "rb") as number:
            if not number.readline():
                raise NotReady("Xvfb ended while it started")

    def _run(self, *command: str, keep: int | None = None) -> None:
        self._processes[command[0]] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=() if keep is None else (keep,),
            start_new_session=True,
        )

    def _wait_for_window_manager(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.hands.has_window_manager():
            if time.monotonic() > deadline or self._processes["openbox"].poll() is not None:
                raise NotReady("openbox did not take over the windows")
            time.sleep(0.02)

    def _act_and_see(self) -> None:
        problem = self.hands.trial()
        if problem:
            raise NotReady(problem)
        if self.screen.size != self.size:
            raise NotReady(f"the screen is {self.screen.size}, not {self.size}")
        if not any(self.screen.grab().rgb()):
            raise NotReady("the screen is black")


def _nothing() -> None:
    """The default of `when_ready`."""


def _bus() -> str:
    return f"unix:path={os.environ.get('XDG_RUNTIME_DIR', '/tmp')}/bus"
