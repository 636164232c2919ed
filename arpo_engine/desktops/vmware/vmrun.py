"""VMware's command-line program, called as OSWorld calls it. Its answers are known from that code, not from VMware."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from arpo_engine.contract.errors import DesktopLost

PLACES: Mapping[str, tuple[str, ...]] = {
    "Darwin": (
        "/Applications/VMware Fusion.app/Contents/Public/vmrun",
        "/Applications/VMware Fusion.app/Contents/Library/vmrun",
    ),
    "Linux": ("/usr/bin/vmrun",),
    "Windows": (r"C:\Program Files (x86)\VMware\VMware Workstation\vmrun.exe",),
}
HOST_TYPE: Mapping[str, str] = {"Darwin": "fusion"}
"""What `-T` says; Workstation elsewhere."""
WORDS_OF_ANSWER = 300


class Vmrun:
    """One program; each call waits for its end."""

    def __init__(self, given: str) -> None:
        self._program = find_vmrun(given)
        self._type = HOST_TYPE.get(platform.system(), "ws")

    def revert(self, machine: Path, snapshot: str, timeout_s: float) -> None:
        """Bring a machine back to a snapshot; it does not run afterwards."""
        self._call(timeout_s, "revertToSnapshot", str(machine), snapshot)

    def start(self, machine: Path, *, headless: bool, timeout_s: float) -> None:
        """Let a machine run."""
        self._call(timeout_s, "start", str(machine), *(["nogui"] if headless else []))

    def stop(self, machine: Path, timeout_s: float) -> None:
        """Switch a machine off at once; its state is thrown away at the next revert anyway."""
        self._call(timeout_s, "stop", str(machine), "hard")

    def pause(self, machine: Path, timeout_s: float) -> None:
        """Freeze a machine that runs."""
        self._call(timeout_s, "pause", str(machine))

    def unpause(self, machine: Path, timeout_s: float) -> None:
        """Let a frozen machine go on."""
        self._call(timeout_s, "unpause", str(machine))

    def ip_address(self, machine: Path, timeout_s: float) -> str:
        """Where a machine is, as soon as it says so."""
        return self._call(timeout_s, "getGuestIPAddress", str(machine), "-wait").strip()

    def running(self, timeout_s: float) -> list[str]:
        """The machines that run; the first line of the answer counts them."""
        return self._call(timeout_s, "list").splitlines()[1:]

    def _call(self, timeout_s: float, *words: str) -> str:
        try:
            done = subprocess.run(
                [self._program, "-T", self._type, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DesktopLost(
                f"vmrun {words[0]} took longer than {timeout_s:g} s; does VMware ask something?"
            ) from error
        except OSError as error:
            raise DesktopLost(f"{self._program} cannot be started: {error}") from error
        if done.returncode != 0:
            said = (done.stdout.strip() or done.stderr.strip())[-WORDS_OF_ANSWER:]
            raise DesktopLost(f"vmrun {' '.join(words)} failed: {said}")
        return done.stdout


def find_vmrun(given: str) -> str:
    """The program.

    Raises:
        DesktopLost: it is not where it was said to be, or nowhere.
    """
    if given:
        if not Path(given).is_file():
            raise DesktopLost(f"there is no program {given}; set desktops.vmrun to VMware's vmrun, or leave it empty")
        return given
    for place in (shutil.which("vmrun"), *PLACES.get(platform.system(), ())):
        if place is not None and Path(place).is_file():
            return place
    raise DesktopLost(
        "VMware's vmrun is not installed; install VMware Workstation or Fusion, or use desktops.kind = docker"
    )
