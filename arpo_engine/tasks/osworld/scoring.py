"""OSWorld's own setup and scoring, over a pipe: `setup(task, address)`, `evaluate(task, address, last_action)`.

Knows the program's pipe, its limits of time and what its answers mean; what a task needs is for its own modules to
know. One process does one thing at a time.
"""

from __future__ import annotations

import json
import logging
import os
import pwd
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from arpo_engine.contract.errors import (
    ArpoError,
    AssetMissing,
    DesktopLost,
    DesktopStuck,
    EvaluatorError,
    SetupFailed,
    TaskError,
)
from arpo_engine.contract.tasks import Task
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.ending import end_those_at
from arpo_engine.tasks.osworld.home import OWN_FOLDER, ScoringHome
from arpo_engine.tasks.osworld.refusals import refuse_unsafe
from arpo_engine.tasks.osworld.task_files import files_of
from arpo_engine.tasks.osworld.vocabulary import HEAVY_FUNCTIONS, RUNS_FOREIGN_CODE, functions_of

log = logging.getLogger(__name__)

ERRORS: Final[Mapping[str, type[ArpoError]]] = {
    "asset_missing": AssetMissing,
    "desktop_lost": DesktopLost,
    "setup_failed": SetupFailed,
    "evaluator_error": EvaluatorError,
}
PIECE: Final = 65_536
LOG_BYTES: Final = 4_000_000
"""The program's own words are begun anew past this."""
FAIL: Final = "FAIL"
"""The last action of an episode that says its task cannot be done, in OSWorld's word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesktopAddress:
    """Where a desktop answers, in the words of OSWorld's client; ports as in its `get_ip_address`."""

    host: str = "127.0.0.1"
    server_port: int = 5000
    chromium_port: int = 9222
    vnc_port: int = 8006
    vlc_port: int = 8080
    screen: tuple[int, int] = (1920, 1080)
    password: str = "password"
    """Of the desktop's user, for `sudo` in setup steps; OSWorld's machines have this one."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each call to the server: our own asks for a token, OSWorld's ignores them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringLimits:
    """Seconds until a call is given up."""

    start_s: float = 60.0
    setup_s: float = 600.0
    """Applications start in it, and files are carried over."""
    evaluate_s: float = 300.0


class ScoringProcess:
    """One process of OSWorld's code; started when it is first needed, and again after it died or hung."""

    def __init__(self, home: ScoringHome, assets: AssetCache, limits: ScoringLimits | None = None) -> None:
        self.home = home
        self.assets = assets
        self.limits = limits or ScoringLimits()
        self.heavy: Mapping[str, bool] = {}
        """Heavy packages that OSWorld's code may use here; known once the process runs."""
        self.starts = 0
        """Times that it was started."""
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: Path | None = None
        self._folders: dict[tuple[str, int], Path] = {}
        self._number = 0
        self._read = b""

    def setup(self, task: Task, address: DesktopAddress) -> tuple[str, ...]:
        """Bring a desktop into the state in which a task begins; what OSWorld's code logged as an error and ignored.

        Raises:
            AssetMissing: a file of the task is not here.
            DesktopLost: the desktop does not answer, or not in time (`DesktopStuck`).
            SetupFailed: a step failed, or the task asks for what is refused.
        """
        try:
            refuse_unsafe(task)
            self._refuse_heavy(task)
        except TaskError as error:
            raise SetupFailed(f"task {task.id}: {error}") from error
        folder = self._fresh_folder(task, address)
        self.assets.place(task, folder / task.id)
        self.home.give(folder)
        answer = self._ask("setup", task, address, self.limits.setup_s, {})
        return tuple(answer["notes"])

    def evaluate(self, task: Task, address: DesktopAddress, last_action: str | None) -> float:
        """The score from 0 to 1 of a desktop on which `setup` was called; `last_action` is `FAIL`, or anything else.

        Raises:
            DesktopLost: the desktop does not answer.
            EvaluatorError: there is no score: OSWorld's code raised, gave no number, hung or died.
        """
        if (address.host, address.server_port) not in self._folders:
            raise EvaluatorError(
                f"task {task.id} was not set up on {address.host}:{address.server_port}; do that first"
            )
        answer = self._ask("evaluate", task, address, self.limits.evaluate_s, {"last_action": last_action})
        if RUNS_FOREIGN_CODE & set(functions_of(task)):
            # What such a task left behind in the process must not meet the next one.
            self._end()
        return float(answer["score"])

    def close(self) -> None:
        """End the process and remove its folder; may be called twice."""
        self._end()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch = None
        self._folders.clear()

    def _refuse_heavy(self, task: Task) -> None:
        needed = {HEAVY_FUNCTIONS[name] for name in functions_of(task) if name in HEAVY_FUNCTIONS}
        if needed:
            self._running()
            absent = sorted(name for name in needed if not self.heavy.get(name))
            if absent:
                raise TaskError(f"its scoring needs {', '.join(absent)}; run ./arpo setup osworld --heavy")

    def _fresh_folder(self, task: Task, address: DesktopAddress) -> Path:
        """A folder for this episode alone: OSWorld's runner shares one by task, and two desktops then overwrite it."""
        key = (address.host, address.server_port)
        old = self._folders.pop(key, None)
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
        self._scratch = self._scratch or self.home.scratch()
        self._number += 1
        folder = self._scratch / f"episode-{self._number}"
        (folder / task.id).mkdir(parents=True)
        self._folders[key] = folder
        return folder

    def _ask(
        self, call: str, task: Task, address: DesktopAddress, limit_s: float, more: Mapping[str, Any]
    ) -> dict[str, Any]:
        stdin = _stdin(self._running())
        self._number += 1
        message = {
            "number": self._number,
            "call": call,
            "task": task.model_dump(mode="json", exclude_unset=True),
            "address": asdict(address),
            "asset_urls": [file.url for file in files_of(task)],
            "folder": str(self._folders[address.host, address.server_port]),
            **more,
        }
        where = f"task {task.id} on {address.host}:{address.server_port}"
        try:
            stdin.write(json.dumps(message).encode() + b"\n")
            stdin.flush()
            answer = self._answer(time.monotonic() + limit_s)
        except TimeoutError as error:
            self._end()
            late: type[ArpoError] = DesktopStuck if call == "setup" else EvaluatorError
            raise late(f"{where}: {call} took more than {limit_s:g} s; its process was ended") from error
        except (BrokenPipeError, EOFError) as error:
            code = self._end()
            kind = SetupFailed if call == "setup" else EvaluatorError
            raise kind(f"{where}: the process of OSWorld's code ended with {code} during {call}") from error
        failure = answer.get("error")
        if failure is not None:
            log.info("osworld %s failed", call, extra={"task_id": task.id, "trace": failure["trace"]})
            raise ERRORS[failure["kind"]](f"{where}: {failure['type']}: {failure['text']}")
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        """The process, started if there is none."""
        if self._process is not None and _lives(self._process):
            return self._process
        self._end()
        self._scratch = self._scratch or self.home.scratch()
        self.starts += 1
        with _log_file(self._scratch / "program.log") as out:
            self._process = subprocess.Popen(
                self.home.command(self._scratch),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                cwd=self._scratch / OWN_FOLDER,
                env=dict(self.home.environment(self._scratch)),
                user=self.home.user,
                group=_group_of(self.home.user),
                extra_groups=[] if self.home.user is not None else None,
                start_new_session=True,
            )
        try:
            hello = self._answer(time.monotonic() + self.limits.start_s)
        except (TimeoutError, EOFError) as error:
            tail = (self._scratch / "program.log").read_text(encoding="utf-8", errors="replace").strip()[-300:]
            self._end()
            raise EvaluatorError(f"OSWorld's code does not start with {self.home.python}: {tail}") from error
        if hello["hello"] is None:
            self._end()
            raise EvaluatorError(f"{self.home.python} lacks {hello['text']}; run ./arpo setup osworld")
        self.heavy = hello["heavy"]
        return self._process

    def _answer(self, deadline: float) -> dict[str, Any]:
        """The next line of the program.

        Raises:
            TimeoutError: it does not come in time.
            EOFError: it never will.
        """
        assert self._process is not None and self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._read:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                piece = os.read(self._process.stdout.fileno(), PIECE)
                if not piece:
                    raise EOFError
                self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> int | None:
        """End the process with all that it started; its exit code, none where there was no process."""
        process, self._process, self._read = self._process, None, b""
        if process is None:
            return None
        # Its number stays its own until it is waited for, so that nobody else's group is meant.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        code = process.wait()
        own = str(self._scratch / OWN_FOLDER) if self._scratch is not None else ""
        end_those_at(lambda home: bool(own) and home == own)
        return code


def _lives(process: subprocess.Popen[bytes]) -> bool:
    """Whether it runs; one that has ended is not waited for."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _stdin(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdin is not None
    return process.stdin


def _group_of(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid


def _log_file(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.unlink()
    return path.open("ab")
