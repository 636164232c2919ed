"""Installs the engine behind the running console, with a progress that the terminal and the pages show.

Runs in a thread of its own and only installs; what must be started afterwards, the main thread starts.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from webapp.supervisor import install
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.libraries import missing_libraries, words_for_missing
from webapp.supervisor.rayhead import warm_up
from webapp.supervisor.setup_state import Phase, SetupState, write_state
from webapp.supervisor.terminal import Terminal

STAGES: Final[tuple[tuple[Phase, install.Stage], ...]] = (("torch", install.TORCH_STAGE), ("engine", install.ENGINE))
RAY_SHARE: Final = 0.15
"""The part of the progress bar that is kept for starting Ray."""


class EngineSetup:
    """The second stage of a first start."""

    def __init__(self, data: Path, terminal: Terminal, *, here: bool) -> None:
        self.data = data
        self.terminal = terminal
        self.log = data / "logs" / "setup.log"
        self.warnings: list[str] = []
        self.error: str | None = None
        self.installed = threading.Event()
        """Set when the stage is over, well or badly."""
        self._stages = STAGES if here else ()  # on somebody else's cluster the engine is there already
        self._thread = threading.Thread(target=self._run, name="engine-setup", daemon=True)

    def start(self) -> None:
        """Begin."""
        todo = [stage for _, stage in self._stages if not install.is_installed(stage)]
        if todo:
            self.terminal.say("  The engine is being installed meanwhile (usually 2 to 4 minutes); the page is open.")
        self._thread.start()

    def say_ray_starts(self) -> None:
        """The packages are there; Ray comes up."""
        self._write("ray", 1 - RAY_SHARE, "Starting Ray (usually 10 to 30 seconds)")

    def say_done(self) -> None:
        """Runs can be started."""
        write_state(
            self.data,
            SetupState(phase="ready", percent=100, message="The engine is ready", done=True, warnings=self.warnings),
        )

    def _run(self) -> None:
        try:
            self._install()
            if self._stages:
                self.warnings = words_for_missing(missing_libraries())
        except SupervisorError as error:
            self.error = str(error)
            write_state(
                self.data,
                SetupState(phase="engine", percent=0, message="The engine could not be installed", error=self.error),
            )
        finally:
            self.terminal.live("")
            self.installed.set()

    def _install(self) -> None:
        whole_s = sum(stage.usual_s for _, stage in self._stages)
        before_s = 0.0
        for phase, stage in self._stages:
            if not install.is_installed(stage):
                self._install_one(phase, stage, before_s, whole_s)
                if stage is install.ENGINE:
                    warm_up()
            before_s += stage.usual_s

    def _install_one(self, phase: Phase, stage: install.Stage, before_s: float, whole_s: float) -> None:
        last = -1.0

        def report(elapsed_s: float) -> None:
            nonlocal last
            text = f"{stage.title}: {elapsed_s:.0f} s (usually {stage.usual_s} s)"
            self.terminal.live(f"  … {text}")
            if elapsed_s - last < 1.0:
                return
            last = elapsed_s
            # A stage that takes longer than usual creeps on towards its end and never reaches it.
            share = elapsed_s / (elapsed_s + stage.usual_s / 3)
            self._write(phase, (before_s + stage.usual_s * share) / whole_s * (1 - RAY_SHARE), text)

        with self.terminal.step(stage.title):
            install.install(stage, self.log, report)

    def _write(self, phase: Phase, share: float, message: str) -> None:
        write_state(self.data, SetupState(phase=phase, percent=int(share * 100), message=message))
