"""Remembers whether virtual machines run on this host's /dev/kvm, which is found out by booting one against the clock.

A device that can be opened says little: on some hosts a machine is made, begins, and hangs. What was found holds until
the host is started again.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path

log = logging.getLogger(__name__)

DEVICE = Path("/dev/kvm")
BOOT = Path("/proc/sys/kernel/random/boot_id")


def can_be_tried() -> bool:
    """Whether there is a device at all. Who opens it is the Docker engine, so our own rights do not matter."""
    return DEVICE.exists()


def known() -> bool | None:
    """What a trial since this host's start found; None when there was none."""
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fits = isinstance(found, dict) and found.get("boot") == _boot() and isinstance(found.get("works"), bool)
    return bool(found["works"]) if fits else None


def remember(works: bool) -> None:
    """Write down what a trial found; where that cannot be kept, the next process tries again."""
    unfinished = _file().with_suffix(f".{os.getpid()}")
    try:
        unfinished.write_text(json.dumps({"boot": _boot(), "works": works}), encoding="utf-8")
        unfinished.replace(_file())
    except OSError as error:
        log.warning("what the trial of KVM found is not kept", extra={"reason": str(error)})


def _boot() -> str:
    return BOOT.read_text(encoding="ascii").strip() if BOOT.exists() else ""


def _file() -> Path:
    return Path(tempfile.gettempdir()) / f"arpo-kvm-{os.getuid()}.json"
