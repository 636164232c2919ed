"""`./arpo setup xvfb`: what desktops on displays of this machine need, and their applications. Standard library only.

Two halves: Debian packages, which an administrator installs (we print the line, or run it as root when asked to), and
a few locked Python packages for the desktop server, which are put into a folder that the system's own Python reads.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from arpo_engine.contract.applications import KNOWN
from webapp.env import BASE_DIR
from webapp.supervisor import install
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.libraries import apt_install

HOME: Final = BASE_DIR / ".venv-desktop"
STAGE: Final = install.Stage(name="desktop", title="Installing the desktop server's packages", usual_s=10, home=HOME)
SERVER_PACKAGES: Final = (
    *("xvfb", "openbox", "xauth", "x11-utils", "x11-xserver-utils", "wmctrl", "xclip", "hsetroot", "socat", "ffmpeg"),
    *("dbus", "dbus-x11", "at-spi2-core", "dconf-cli", "dconf-gsettings-backend", "gsettings-desktop-schemas"),
    *("libglib2.0-bin", "xdg-utils", "util-linux", "procps"),
    *("python3", "python3-xlib", "python3-pil", "python3-tk", "python3-lxml", "python3-pyatspi", "gir1.2-atspi-2.0"),
    *("fonts-dejavu-core", "fonts-liberation", "adwaita-icon-theme"),
)
"""What the display, the server and its endpoints need, by their names in Debian and Ubuntu."""
APPLICATIONS: Final = tuple(dict.fromkeys(package for one in KNOWN.values() for package in one.packages))
"""What the tasks of `configs/tasks/desk_basics` are done in."""


def set_up(*, install_system_packages: bool, log: Path, report: install.Report) -> None:
    """Bring what is missing; what is there already is left alone.

    Raises:
        SupervisorError: Debian packages are missing, with the line that installs them; or something failed.
    """
    if not sys.platform.startswith("linux"):
        raise SupervisorError(
            f"desktops of kind xvfb need Linux, and this is {sys.platform}; use desktops.kind = pocket"
        )
    missing = missing_packages((*SERVER_PACKAGES, *APPLICATIONS))
    if missing and install_system_packages:
        apt_install(missing, log)
        missing = missing_packages(missing)
    if missing:
        raise SupervisorError(
            f"{_told(missing)}. As root, run: apt-get install --no-install-recommends "
            f"{' '.join(missing)}  (or run this again as root with --install-system-packages)"
        )
    install_server_packages(log, report)


def _told(missing: Sequence[str]) -> str:
    """What cannot be done without the packages, by application."""
    absent = [one.title for one in KNOWN.values() if set(one.packages) & set(missing)]
    server = [name for name in missing if name not in APPLICATIONS]
    parts = [
        *([f"what the desktop itself needs ({', '.join(server)})"] if server else []),
        *([f"applications that tasks are done in: {', '.join(absent)}"] if absent else []),
    ]
    return f"this machine lacks {'; and '.join(parts)}"


def missing_packages(wanted: Sequence[str]) -> list[str]:
    """Those that are not installed.

    Raises:
        SupervisorError: this system does not use Debian's packages, so that nobody can tell.
    """
    if shutil.which("dpkg-query") is None:
        raise SupervisorError(
            "this system has no Debian packages; install with your package manager what provides "
            f"{', '.join(wanted)}, then run this again where dpkg-query is"
        )
    words = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *wanted]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    installed = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in wanted if name not in installed]


def install_server_packages(log: Path, report: install.Report) -> None:
    """Put the desktop server's own Python packages into `HOME`, as they are locked."""
    began = time.monotonic()

    def beat() -> None:
        report(time.monotonic() - began)

    with install.one_installer_at_a_time():
        if install.is_installed(STAGE):
            return
        # Made anew: a folder has no record of what belongs to it, so that nothing of an older lock may stay.
        shutil.rmtree(HOME, ignore_errors=True)
        requirements = install.REQUIREMENTS / f"{STAGE.name}.txt"
        words = ["install", "--target", str(HOME), "--no-deps", "--require-hashes", "-r", str(requirements)]
        uv = install.uv_program(log, beat)
        if uv is None or install.run([uv, "pip", *words, "--python", sys.executable], log, beat) != 0:
            code = install.run([*install.pip(), *words], log, beat)
            if code != 0:
                raise install.failure(STAGE, code, log)
        install.mark_installed(STAGE)
