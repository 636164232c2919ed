"""Commands of the engine, each in a process of its own with one thread for its arithmetic."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

ENGINE = "arpo_engine"


def run_side_by_side(commands: Sequence[Sequence[str]]) -> None:
    """Modules with their words, all at once: what else the machine is busy with meets them alike.

    Raises:
        SystemExit: one of them failed.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([sys.executable, "-m", *words], env=environment, stdout=subprocess.DEVNULL)
        for words in commands
    ]
    failed = [words for words, process in zip(commands, running, strict=True) if process.wait() != 0]
    if failed:
        raise SystemExit(f"`python -m {' '.join(failed[0])}` failed; its last words are above")
