"""The system libraries that Qt draws with: which are missing, and the one line that installs them.

PySide6 brings Qt but not what every desktop system has and a bare server lacks.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from webapp.supervisor.errors import SupervisorError

QT_LIBRARIES: Final = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
}
"""What is opened at run time, and the Debian package that brings it."""
OTHER_SYSTEMS: Final = {
    "dnf": "mesa-libGL mesa-libEGL libxkbcommon dbus-libs fontconfig glib2",
    "pacman": "libglvnd libxkbcommon dbus fontconfig glib2",
    "zypper": "libGL1 libEGL1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib-2_0-0",
}


def missing_libraries() -> list[str]:
    """The libraries of the list that this system cannot open; none on macOS, where Qt brings all it needs."""
    if not sys.platform.startswith("linux"):
        return []
    return [name for name in QT_LIBRARIES if not _opens(name)]


def _opens(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def install_line(missing: list[str]) -> str:
    """The one command that brings them on this system."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    if shutil.which("apt-get"):
        return f"{sudo}apt-get install -y {' '.join(QT_LIBRARIES[name] for name in missing)}"
    if shutil.which("dnf"):
        return f"{sudo}dnf install -y {OTHER_SYSTEMS['dnf']}"
    if shutil.which("pacman"):
        return f"{sudo}pacman -S --needed {OTHER_SYSTEMS['pacman']}"
    if shutil.which("zypper"):
        return f"{sudo}zypper install -y {OTHER_SYSTEMS['zypper']}"
    return f"install with your system's package manager what provides {', '.join(missing)}"


def words_for_missing(missing: list[str]) -> list[str]:
    """Nothing, or one sentence with the cure."""
    if not missing:
        return []
    return [
        f"The pocket desktop cannot draw: this system lacks {', '.join(missing)}. Run: {install_line(missing)} "
        "(or start again as root with --install-system-packages)"
    ]


def apt_install(packages: list[str], log: Path) -> None:
    """Install Debian packages as root; the list of packages is fetched first, or a fresh machine finds none."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SupervisorError(
            f"{' '.join(packages)} cannot be installed from here: that needs root and apt-get; "
            "use the package manager of your system"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            code = subprocess.run(
                ["apt-get", "-q", *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                check=False,
            ).returncode
            if code != 0 and words[0] == "install":
                raise SupervisorError(f"apt-get install {' '.join(packages)} ended with {code}; log: {log}")


def install_missing_libraries(log: Path) -> list[str]:
    """Bring what Qt lacks; returns the packages that were installed."""
    packages = [QT_LIBRARIES[name] for name in missing_libraries()]
    if packages:
        apt_install(packages, log)
    return packages
