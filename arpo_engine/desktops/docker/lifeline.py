"""Ties a container's life to this process: the container ends when our end of its standard input closes.

However this process dies, the kernel closes that end; the first program of the image then ends, and the engine removes
the container. What the container says on its error stream comes back on the same connection.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

from arpo_engine.desktops.docker.engine import DockerApi

STREAMS = {"stdin": 1, "stderr": 1, "stream": 1}
HEADER = 8
"""The engine puts a kind and a length before each piece of a stream."""
REMEMBERED = 2_000


class Lifeline:
    """Held while a container may live."""

    def __init__(self, api: DockerApi, container: str) -> None:
        self._stream: Any = api.attach_socket(container, params=STREAMS)
        self._said = bytearray()
        self._ended = threading.Event()
        threading.Thread(target=self._listen, name="lifeline", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether the other end has closed: the container has ended, or the engine has."""
        return self._ended.is_set()

    def last_words(self, wait_s: float = 1.0) -> str:
        """The end of what the container said."""
        self._ended.wait(wait_s)
        return bytes(self._said).decode("utf-8", "replace").strip()

    def take(self) -> None:
        """Say that there is somebody: a container whose maker died before it ran would wait for one for ever."""
        raw: socket.socket = getattr(self._stream, "_sock", self._stream)
        raw.sendall(b"\n")

    def close(self) -> None:
        """Let go."""
        raw: socket.socket = getattr(self._stream, "_sock", self._stream)
        with contextlib.suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._stream.close()

    def _listen(self) -> None:
        raw: socket.socket = getattr(self._stream, "_sock", self._stream)
        waiting = b""
        with contextlib.suppress(OSError, ValueError):
            raw.settimeout(None)
            while piece := raw.recv(4096):
                waiting += piece
                while len(waiting) >= HEADER:
                    end = HEADER + int.from_bytes(waiting[4:HEADER], "big")
                    if len(waiting) < end:
                        break
                    self._said += waiting[HEADER:end]
                    del self._said[:-REMEMBERED]
                    waiting = waiting[end:]
        self._ended.set()
