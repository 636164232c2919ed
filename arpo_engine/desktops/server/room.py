"""Whether there is room for what applications write. Knows no HTTP.

On a full disk an application saves nothing and a task is scored zero for it, though nobody did anything wrong; so a
desktop without room says so instead of going on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

LEAST_BYTES = 65_536
"""A desktop with less cannot even write a small document."""
TEMPORARY = Path("/tmp")


def shortage(places: Sequence[Path]) -> str:
    """Which of the places has no room, and how much is left; empty when all have."""
    for place in places:
        found = os.statvfs(place)
        left = found.f_bavail * found.f_frsize
        if left < LEAST_BYTES:
            return f"the desktop's disk is full: {left} bytes are left in {place}"
        if found.f_files and not found.f_favail:
            return f"the desktop's disk is full: {place} takes no more files, though it has {left} bytes"
    return ""
