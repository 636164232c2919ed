"""One console per data dir: a lock that the kernel frees when its holder dies. Standard library only."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from webapp.supervisor.errors import SupervisorError


def run_folder(data: Path) -> Path:
    """Where a running console keeps its notes; only for the owner, because passwords are among them."""
    folder = data / "run"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


@contextlib.contextmanager
def console_lock(data: Path) -> Iterator[None]:
    """Hold the data dir while the block runs; refuse, and say who has it, when another console does."""
    with (run_folder(data) / "lock").open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SupervisorError(
                f"a console already runs on {data}: {_who(handle.name)}; stop it with ./arpo down, "
                "or start this one with another --data-dir"
            ) from None
        handle.truncate(0)
        handle.write(json.dumps({"pid": os.getpid()}))
        handle.flush()
        yield
        handle.truncate(0)


def holder(data: Path) -> int | None:
    """The process id of the console that runs on the data dir; None when none does."""
    file = data / "run" / "lock"
    if not file.is_file():
        return None
    with file.open("r+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid(handle.read())
    return None


def _pid(text: str) -> int | None:
    try:
        return int(json.loads(text)["pid"])
    except (ValueError, KeyError, TypeError):
        return None


def _who(path: str) -> str:
    return f"process {_pid(Path(path).read_text(encoding='utf-8'))}"


def write_note(data: Path, name: str, body: Any) -> None:
    """A note of the running console, 0600, replaced in one stroke."""
    file = run_folder(data) / name
    unfinished = file.with_name(f"{name}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(body, indent=1), encoding="utf-8")
    unfinished.replace(file)


def read_note(data: Path, name: str) -> Any:
    """A note; None when it is not there."""
    try:
        return json.loads((data / "run" / name).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
