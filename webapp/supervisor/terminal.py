"""What the person at the terminal sees: steps with their time, one progress line. Standard library only."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PLAIN_EVERY_S: Final = 15.0
"""Without a terminal (a log, CI) a step that goes on says so this often."""


class Terminal:
    """Writes to standard output; several threads may speak, and no line is torn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live = ""
        self._said_at = 0.0
        self.is_tty = sys.stdout.isatty()
        encoding = (sys.stdout.encoding or "ascii").lower()
        self.ok, self.bad, self.warn = ("✓", "✗", "!") if encoding.startswith("utf") else ("ok", "FAILED", "!")

    def say(self, text: str = "") -> None:
        """A line that stays."""
        with self._lock:
            self._clear()
            sys.stdout.write(f"{text}\n")
            self._draw()

    def live(self, text: str) -> None:
        """A line that the next call replaces; in a log it appears now and then."""
        with self._lock:
            if self.is_tty:
                self._clear()
                self._live = text
                self._draw()
            elif text and time.monotonic() - self._said_at > PLAIN_EVERY_S:
                self._said_at = time.monotonic()
                sys.stdout.write(f"{text}\n")
                sys.stdout.flush()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A step with its time behind it."""
        began = time.monotonic()
        self._said_at = began
        self.live(f"  … {title}")
        try:
            yield
        except Exception:
            self.live("")
            self.say(f"  {self.bad} {title}")
            raise
        self.live("")
        self.say(f"  {self.ok} {title:<46} {time.monotonic() - began:6.1f} s")

    def _clear(self) -> None:
        if self.is_tty and self._live:
            sys.stdout.write("\r\x1b[K")

    def _draw(self) -> None:
        if self.is_tty and self._live:
            sys.stdout.write(self._live)
        sys.stdout.flush()
