"""A console that a test starts as a person does, with `./arpo up`, and stops with Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path
from typing import Final

from webapp.supervisor.ports import free_port

ROOT: Final = Path(__file__).parents[2]
OPEN_WITHIN_S: Final = 180.0
READY_WITHIN_S: Final = 300.0
STOP_WITHIN_S: Final = 90.0
LINK: Final = re.compile(r"Open (http\S+)")
READY: Final = "All ready"


class Console:
    """One `./arpo up` on a data dir of its own; starting it again continues on the same data."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.link = ""
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """Where the pages are."""
        return self.link.split("/accounts/")[0]

    def start(self) -> None:
        """Returns when runs can be started."""
        self._lines = []
        # The servers of the other tests must not be taken for this console's own.
        inherited = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "VALKEY_URL", "ARPO_DATA_DIR")}
        self._process = subprocess.Popen(
            ["./arpo", "up", "--no-browser", "--port", str(free_port()), "--data-dir", str(self.data)],
            cwd=ROOT,
            env=inherited,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        found = LINK.search(self._wait_for(LINK.pattern, OPEN_WITHIN_S))
        assert found is not None
        self.link = found[1]
        self._wait_for(READY, READY_WITHIN_S)

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGINT)
        code = self._process.wait(STOP_WITHIN_S)
        self._process = None
        return code

    def said(self) -> str:
        """All that it printed since its last start."""
        with self._news:
            return "".join(self._lines)

    def kill_web_server(self) -> int:
        """End the web server as a crash would and return its process id; the supervisor starts another."""
        pid = self.web_server()
        os.kill(pid, signal.SIGKILL)
        return pid

    def web_server(self) -> int:
        """Process id of the web server that runs now; 0 while there is none."""
        status = json.loads((self.data / "run" / "status.json").read_text(encoding="utf-8"))
        return next((child["pid"] or 0 for child in status["children"] if child["name"] == "web"), 0)

    def _wait_for(self, pattern: str, within_s: float) -> str:
        def there() -> str | None:
            return next((line for line in self._lines if re.search(pattern, line)), None)

        with self._news:
            self._news.wait_for(lambda: there() is not None or self._has_ended(), timeout=within_s)
            line = there()
        assert line is not None, f"./arpo up did not say {pattern!r} within {within_s:.0f} s; it said:\n{self.said()}"
        return line

    def _has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _read(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        for line in process.stdout:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()
