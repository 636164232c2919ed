"""Looking at a running console from another terminal, and stopping it. Standard library only."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from pathlib import Path
from typing import Final

from webapp.counted import counted
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.lock import holder, read_note
from webapp.supervisor.setup_state import read_state
from webapp.supervisor.terminal import Terminal

DOWN_WITHIN_S: Final = 90.0
POLL_S: Final = 0.2


def down(data: Path, terminal: Terminal) -> int:
    """Ask the supervisor to stop everything, and wait until it has."""
    pid = holder(data)
    if pid is None:
        terminal.say(f"No console runs on {data}.")
        return 0
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return 0
    except PermissionError:
        raise SupervisorError(f"process {pid} belongs to another user; run ./arpo down as that user") from None
    deadline = time.monotonic() + DOWN_WITHIN_S
    while holder(data) is not None:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            raise SupervisorError(
                f"the console (process {pid}) did not stop within {DOWN_WITHIN_S:.0f} s and was killed; "
                "the next ./arpo up ends what it left"
            )
        time.sleep(POLL_S)
    terminal.say("The console is stopped.")
    return 0


def status(data: Path, terminal: Terminal) -> int:
    """What runs. Exit code 0 when all does, 1 when something is down, 3 when no console runs."""
    if holder(data) is None:
        terminal.say(f"No console runs on {data}. Start it with ./arpo up.")
        return 3
    note = read_note(data, "status.json") or {"children": [], "address": "not yet", "pid": holder(data)}
    terminal.say(f"{note['address']}   (process {note['pid']}, data in {data})")
    for child in note["children"]:
        mark = terminal.ok if child["state"] == "ready" else terminal.warn
        again = f", started again {counted(child['restarts'], 'time')}" if child["restarts"] else ""
        terminal.say(f"  {mark} {child['name']:<10} {child['state']} (process {child['pid']}{again})")
    setup = read_state(data)
    if setup is not None and not setup.done:
        terminal.say(f"  {terminal.warn} engine     {setup.error or f'{setup.message} ({setup.percent} %)'}")
    down_ones = [child for child in note["children"] if child["state"] == "failed"]
    return 1 if down_ones else 0


def logs(data: Path, service: str | None, follow: bool, lines: int, terminal: Terminal) -> int:
    """The last lines of one log or of all, and what is added from now on."""
    folder = data / "logs"
    known = sorted(path.stem for path in folder.glob("*.log"))
    if service is not None and service not in known:
        raise SupervisorError(
            f"there is no log of {service!r} in {folder}; there are: {', '.join(known) or 'none yet'}"
        )
    chosen = [service] if service else known
    width = max((len(name) for name in chosen), default=0)
    offsets: dict[str, int] = {}
    for name in chosen:
        path = folder / f"{name}.log"
        with path.open(encoding="utf-8", errors="replace") as handle:
            for line in deque(handle, maxlen=lines):
                terminal.say(_labelled(name, line, width, service))
            offsets[name] = handle.tell()
    while follow:
        for name in offsets:
            offsets[name] = _print_new(folder / f"{name}.log", offsets[name], name, width, service, terminal)
        time.sleep(POLL_S)
    return 0


def _print_new(path: Path, offset: int, name: str, width: int, service: str | None, terminal: Terminal) -> int:
    """What was added since the offset; a log that became shorter was rotated and is read from its start."""
    if not path.exists() or path.stat().st_size == offset:
        return offset
    with path.open(encoding="utf-8", errors="replace") as handle:
        handle.seek(offset if path.stat().st_size > offset else 0)
        for line in handle:
            terminal.say(_labelled(name, line, width, service))
        return handle.tell()


def _labelled(name: str, line: str, width: int, service: str | None) -> str:
    return line.rstrip("\n") if service else f"{name:<{width}} | {line.rstrip()}"
