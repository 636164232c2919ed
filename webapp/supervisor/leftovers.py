"""What a supervisor that was killed may have left running, found again by process id and start time, and ended."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from webapp.supervisor.lock import read_note, write_note
from webapp.supervisor.process import end_all

NOTE = "children.json"
SAME_START_S = 1.0


def remember(data: Path, pids: list[int]) -> None:
    """Write down the children that run now."""
    known = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            known.append({"pid": pid, "started": psutil.Process(pid).create_time()})
    write_note(data, NOTE, known)


def end_leftovers(data: Path) -> int:
    """End what is left of the last start, and say how many it was. Only for the holder of the console's lock."""
    found: list[psutil.Process] = []
    for entry in read_note(data, NOTE) or []:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process = psutil.Process(int(entry["pid"]))
            if abs(process.create_time() - float(entry["started"])) < SAME_START_S:
                found += [process, *process.children(recursive=True)]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    end_all(found, grace_s=5.0)
    return len(found)


def descendants() -> frozenset[psutil.Process]:
    """Every process below this one; compared by process id and start time."""
    return frozenset(psutil.Process().children(recursive=True))


def end_descendants(spare: frozenset[psutil.Process], grace_s: float = 2.0) -> None:
    """The last sweep before we leave: nothing that we started may outlive us. `spare` was there before we began."""
    everyone = list(descendants() - spare)
    for process in everyone:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    end_all(everyone, grace_s=grace_s)
