"""Mounts in a namespace of our own: one that fails ends the desktop with what was tried. Knows no desktop."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys

MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 0x1
"""Of the kernel, from 5.12 on; the command `mount` knows them only in newer systems."""


def make_read_only(place: str, *, below: bool) -> None:
    """For whoever owns a file, too: without root the desktop's user is, outside, the one who started the engine.

    With `below` everything that is mounted there now; what is mounted later stays as it comes.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = struct.pack("QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    flags = AT_RECURSIVE if below else 0
    if libc.syscall(MOUNT_SETATTR, AT_FDCWD, place.encode(), flags, wanted, len(wanted)) != 0:
        reason = os.strerror(ctypes.get_errno())
        sys.exit(f"the host's files cannot be made read-only for a desktop: {reason}; this takes Linux 5.12 or newer")


def mount_tmpfs(place: str, size_mb: int, uid: int, mode: str) -> None:
    """A fresh folder in memory over `place`, which must be there."""
    mount("-t", "tmpfs", "-o", f"size={size_mb}m,mode={mode},uid={uid},gid={uid},nosuid,nodev", "tmpfs", place)


def mount(*words: str) -> None:
    """The command `mount`."""
    run("mount", *words)


def run(*words: str) -> None:
    """A command without which there is no desktop."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)} failed: {done.stderr.strip()}")
