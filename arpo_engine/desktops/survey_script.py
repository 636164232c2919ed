"""What is on a desktop now, as one line of JSON: windows, processes and files. Runs inside a desktop; knows no engine.

Its text is sent there and carried out by the desktop's own Python, so it needs nothing but the standard library; an
episode waits for it, so it imports little of that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

FOLDERS = (os.path.expanduser("~"), "/tmp", "/var/tmp", "/dev/shm")  # noqa: PTH111 - as light as it gets
PASSED_OVER = (".cache", ".dbus", ".X11-unix", ".ICE-unix")
"""Folders that programs of the session itself write to whenever they like."""
OWN_PREFIX = "script-"
"""Of the folder in which the desktop's server carries out this very script."""
SERVER = "arpo_desktop"
"""In the command line of the server and of the interpreter that it keeps warm."""
WARM = "arpo_desktop.warm"
"""That interpreter. pyautogui asks other programs for the ways to take a picture while it is imported."""
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
        pid = int((_state(pid) or ("", "0"))[1])
    found = []
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:  # noqa: PTH208
        state, words = _state(pid), _read(f"/proc/{pid}/cmdline")
        if pid in mine or not state or state[0] in "ZX" or not words or SERVER in words:
            continue
        if WARM not in _read(f"/proc/{state[1]}/cmdline"):
            found.append(_read(f"/proc/{pid}/comm").strip())
    return found


def files() -> dict[str, list[int]]:
    """Size and time of change of each file."""
    found: dict[str, list[int]] = {}
    for top in FOLDERS:
        for folder, inner, names in os.walk(top):
            inner[:] = [name for name in inner if name not in PASSED_OVER and not name.startswith(OWN_PREFIX)]
            for path in [f"{folder}/{name}" for name in names]:
                try:
                    about = os.lstat(path)
                except OSError:
                    continue
                found[path] = [about.st_size, about.st_mtime_ns]
                if len(found) >= MOST_FILES:
                    return found
    return found


def _state(pid: int) -> list[str]:
    """State and parent of a process first; nothing of one that has ended."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"windows": windows(), "processes": processes(), "files": files()}))
