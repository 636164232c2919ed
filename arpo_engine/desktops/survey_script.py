"""What is on a desktop now, as one line of JSON: windows, processes and files. Runs inside a desktop; knows no engine.

Its text is sent there and carried out by the desktop's own Python, so it needs nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FOLDERS = (str(Path.home()), "/tmp", "/var/tmp", "/dev/shm")
PASSED_OVER = (".cache", ".dbus", ".X11-unix", ".ICE-unix")
"""Folders that programs of the session itself write to whenever they like."""
OWN_PREFIX = "script-"
"""Of the folder in which the desktop's server carries out this very script."""
SERVER = "arpo_desktop"
"""In the command line of the server and of the interpreter that it keeps warm."""
MOST_FILES = 5000


def windows() -> list[str]:
    """Class and title of each window; none where no window manager answers."""
    try:
        said = subprocess.run(["wmctrl", "-lx"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return []
    return [" ".join(line.split(None, 4)[2:3] + line.split(None, 4)[4:]) for line in said.splitlines()]


def processes() -> list[str]:
    """The program of each process, but for this one with its parents, and the desktop's server."""
    mine, pid = set[int](), os.getpid()
    while pid > 1 and pid not in mine:
        mine.add(pid)
        pid = int(_read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1] or 0)
    found = []
    for name in (folder.name for folder in Path("/proc").iterdir()):
        if not name.isdigit() or int(name) in mine:
            continue
        state = _read(f"/proc/{name}/stat").rpartition(")")[2].split()
        words = _read(f"/proc/{name}/cmdline")
        if state and state[0] not in "ZX" and words and SERVER not in words:
            found.append(_read(f"/proc/{name}/comm").strip())
    return found


def files() -> dict[str, list[int]]:
    """Size and time of change of each file."""
    found: dict[str, list[int]] = {}
    for top in FOLDERS:
        for folder, inner, names in os.walk(top):
            inner[:] = [name for name in inner if name not in PASSED_OVER and not name.startswith(OWN_PREFIX)]
            for path in (Path(folder, name) for name in names):
                try:
                    about = path.lstat()
                except OSError:
                    continue
                found[str(path)] = [about.st_size, about.st_mtime_ns]
                if len(found) >= MOST_FILES:
                    return found
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"windows": windows(), "processes": processes(), "files": files()}))
