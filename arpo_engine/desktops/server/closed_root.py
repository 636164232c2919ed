"""A root that holds the system and nothing else of the host, for an engine without root.

To the kernel the desktop's user then is the person who started the engine, and may read whatever they may: so what is
theirs is not hidden but left out. What `bubblewrap` does, with what an `xvfb` desktop needs anyway (namespaces).
Knows no desktop.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from .mounts import make_read_only, mount, mount_tmpfs, run

SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "sys")
"""Taken whole, where the host has them."""
PARTLY = ("opt", "var/lib", "var/cache")
"""Of these what does not belong to the person: programs, fonts, dictionaries, not their own folders."""
EMPTY = ("home", "run", "proc", "tmp", "var/tmp", "dev/shm", "dev/pts")
"""Places over which something is mounted, now or later."""
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
"""In /dev; `ptmx` of the terminals of its own is one more."""
STAGE = Path("/tmp")
"""Where the new root is put together; a desktop gets another /tmp."""
OLD = "old"
PROGRAMS = "/usr/sbin:/sbin:/usr/bin:/bin"
"""Where `pivot_root` lies, which is not among the programs of people everywhere."""


def enter_closed_root() -> None:
    """Change to it, for this process and what it starts. As root of fresh user and mount namespaces, with the host's
    files read-only already and /run as it shall stay."""
    mount_tmpfs(str(STAGE), 16, 0, "755")
    for name in (*SYSTEM, *(part for folder in PARTLY for part in _foreign(folder))):
        _take(name)
    for name in EMPTY:
        STAGE.joinpath(name).mkdir(parents=True, exist_ok=True)
    _make_devices()
    mount("--rbind", "/run", str(STAGE / "run"))
    # While the host's own is still to be seen: the kernel lets nobody mount one that shows more than that.
    mount("-t", "proc", "proc", str(STAGE / "proc"))
    _pivot()


def close_root() -> None:
    """Make the root itself read-only, once everything is mounted in it: its owner is the desktop's user."""
    make_read_only("/", below=False)


def _foreign(folder: str) -> Iterator[str]:
    """Entries of a folder of the host whose owner is somebody else; in this namespace 0 is the person themselves."""
    for entry in sorted(Path("/", folder).glob("*")):
        if entry.lstat().st_uid != 0:
            yield f"{folder}/{entry.name}"


def _take(name: str) -> None:
    there, here = Path("/", name), STAGE / name
    if there.is_symlink():
        here.parent.mkdir(parents=True, exist_ok=True)
        here.symlink_to(there.readlink())
    elif there.is_dir():
        here.mkdir(parents=True)
        mount("--rbind", str(there), str(here))


def _make_devices() -> None:
    """The few that programs expect; terminals are the desktop's own, not those that the person sits at."""
    folder = STAGE / "dev"
    for name in DEVICES:
        folder.joinpath(name).touch()
        mount("--bind", f"/dev/{name}", str(folder / name))
    for name, target in LINKS.items():
        folder.joinpath(name).symlink_to(target)
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620", "devpts", str(folder / "pts"))
    folder.joinpath("ptmx").symlink_to("pts/ptmx")


def _pivot() -> None:
    program = shutil.which("pivot_root", path=PROGRAMS)
    if program is None:
        sys.exit("this machine lacks pivot_root, which comes with util-linux; install it, or start the engine as root")
    STAGE.joinpath(OLD).mkdir()
    run(program, str(STAGE), str(STAGE / OLD))
    os.chdir("/")
    run("umount", "--lazy", f"/{OLD}")
    Path("/", OLD).rmdir()
