"""What every benchmark prints besides its figures: the machine, the versions, a table for people, a line of JSON."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import psutil

from arpo_engine.runtime.provenance import REPOSITORY, git_state, versions


def machine() -> dict[str, Any]:
    """Cores, memory, GPU, and how busy it was at the start."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": platform.platform(),
        "cores": cores,
        "ram_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "gpu": _gpu(),
        "load_at_start": [round(load, 2) for load in os.getloadavg()],
    }


def header() -> dict[str, Any]:
    """`machine`, `versions` and the commit that was measured."""
    commit, dirty = git_state(REPOSITORY)
    return {"machine": machine(), "versions": versions(), "git": {"commit": commit, "dirty": dirty}}


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows in columns; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def print_json(figures: dict[str, Any]) -> None:
    """The last line, for machines."""
    print(json.dumps(figures, default=str))


def _gpu() -> str | None:
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None
