"""Python with pyautogui imported already: a process that forks itself for every script, so that scripts share nothing.

Run as `python3 -m arpo_desktop.warm` it is that process; a line of JSON in is a script, a line of JSON out its fate.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from typing import Any

STARTED = "started"


class WarmPython:
    """The server's side. One script at a time; for a second one there is the ordinary interpreter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def start_in_background(self) -> None:
        """Import while nobody waits."""
        threading.Thread(target=self._begin_first, name="warm", daemon=True).start()

    def run(self, code: str, timeout_s: float) -> dict[str, Any] | None:
        """Output, error and return code of a script; None when it was not begun and should be run in another way."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if self._process is None or self._process.poll() is not None:
                self._begin()
            return self._ask(code, timeout_s)
        except OSError:
            return None
        finally:
            self._lock.release()

    def _begin_first(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._begin()

    def _begin(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None, "asked for above"
        if self._process.stdout.readline().strip() != STARTED:
            raise OSError("pyautogui cannot be imported")

    def _ask(self, code: str, timeout_s: float) -> dict[str, Any]:
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        with tempfile.TemporaryDirectory(prefix="script-") as folder:
            self._process.stdin.write(json.dumps({"code": code, "folder": folder}) + "\n")
            self._process.stdin.flush()
            ended = threading.Timer(timeout_s, self._end)
            ended.start()
            answer = self._process.stdout.readline()
            ended.cancel()
            output, errors = _read(f"{folder}/out"), _read(f"{folder}/err")
        if not answer:
            # It was begun, so it is never run again in another way: what it did to the desktop is done.
            return {"output": output, "error": f"{errors}ended after {timeout_s:g} s", "returncode": -signal.SIGKILL}
        return {"output": output, "error": errors, "returncode": json.loads(answer)["returncode"]}

    def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - as light as it gets
            return file.read()
    except OSError:
        return ""


def main() -> None:
    """Import, say so, then fork for each script."""
    import pyautogui

    pyautogui.FAILSAFE = False
    sys.stdout.write(STARTED + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _become(asked["code"], asked["folder"])
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"returncode": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def _become(code: str, folder: str) -> None:
    """In the child: be a fresh `python -c`, with a connection to the display that is not the parent's."""
    import pyautogui
    from Xlib.display import Display

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT), number)
    code_of_end = 0
    try:
        pyautogui.platformModule._display = Display(os.environ["DISPLAY"])
        sys.argv = ["-c"]
        # The script comes from the client of this desktop and runs inside it, as `python -c` would run it.
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        code_of_end = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter ends on anything
        traceback.print_exc()
        code_of_end = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code_of_end & 0xFF)


if __name__ == "__main__":
    main()
