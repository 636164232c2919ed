"""What this host must have for a desktop of its own, and the sentence that says what is missing. Starts nothing big."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PYTHON = "/usr/bin/python3"
"""Debian's own, which alone has the accessibility bindings."""
PACKAGES = Path(__file__).resolve().parents[3] / ".venv-desktop"
"""Python packages of the server that Debian does not have; `./arpo setup xvfb` puts them there."""
PROGRAMS = ("unshare", "setpriv", "mount", "Xvfb", "xauth", "openbox", "dbus-daemon", "wmctrl")
DESKTOP_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/games"
"""Where a desktop looks for programs of the host, as `desktops/server/namespace.py` has it."""
MODULES = ("Xlib", "PIL", "tkinter")
NAMESPACES = ("--mount", "--pid", "--fork", "--net", "--ipc", "--uts", "--kill-child=KILL")


def has_program(name: str) -> bool:
    """Whether a desktop of this host can start a program by its name."""
    return shutil.which(name, path=DESKTOP_PATH) is not None


def missing(packages: Path = PACKAGES) -> str:
    """A sentence on what is missing and what to do; empty when nothing is."""
    if not sys.platform.startswith("linux"):
        return f"desktops of kind xvfb need Linux, and this is {sys.platform}; use desktops.kind = pocket"
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"this machine lacks {', '.join(absent)}; run ./arpo setup xvfb"
    if not (packages / "mss").is_dir():
        return f"the desktop server's packages are not in {packages}; run ./arpo setup xvfb"
    script = f"import importlib; [importlib.import_module(name) for name in {MODULES!r}]"
    done = subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"{PYTHON} lacks a module ({done.stderr.strip().splitlines()[-1]}); run ./arpo setup xvfb"
    return _no_namespaces()


def unshare(as_root: bool) -> list[str]:
    """The words before a command that runs in a world of its own; who is not root is root of that world only."""
    return ["unshare", *([] if as_root else ["--user", "--map-root-user"]), *NAMESPACES]


def _no_namespaces() -> str:
    words = [*unshare(os.geteuid() == 0), "mount", "-t", "tmpfs", "tmpfs", "/home"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return (
        f"this machine lets nobody make a world apart for a desktop ({done.stderr.strip()[:200]}); run the engine as "
        "root, or allow it with sysctl kernel.unprivileged_userns_clone=1 (and "
        "kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu)"
    )
