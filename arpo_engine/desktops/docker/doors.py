"""Reaches a container without a network: ports of this machine, each carried to a Unix socket that the container made.

The ports are chosen by the kernel, and bound to 127.0.0.1 before the container starts; so none is scanned for, and none
is taken meanwhile. The sockets lie in a folder that nobody but the engine's user can enter.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import tempfile
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.docker.labels import this_host

BACKLOG = 64
CHUNK = 262_144
LONGEST_PATH = 100
"""A Unix socket's name has 108 bytes on Linux and 104 elsewhere, of which a port takes the rest."""


class Doors:
    """The doors of one container; open until closed."""

    def __init__(self, name: str, ports: Sequence[int]) -> None:
        self.folder = home() / name
        if len(str(self.folder)) > LONGEST_PATH:
            raise DesktopLost(
                f"{self.folder} is too long a name for a socket; set TMPDIR to a shorter one, such as /tmp"
            )
        self.folder.mkdir(mode=0o700)
        # The container's user makes its sockets here, whatever number that user has on this side.
        self.folder.chmod(0o777)
        self._listeners = {port: socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) for port in ports}
        for port, listener in self._listeners.items():
            threading.Thread(target=self._accept, args=(listener, port), name=f"door-{port}", daemon=True).start()

    def port(self, inner: int) -> int:
        """The port of 127.0.0.1 behind which a port of the container is."""
        return int(self._listeners[inner].getsockname()[1])

    def close(self) -> None:
        """Let nobody in any more; may be called twice."""
        for listener in self._listeners.values():
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _accept(self, listener: socket.socket, port: int) -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                inner.connect(str(self.folder / str(port)))
            except OSError:
                # Nothing listens there (yet): to the caller this is a port that closes at once.
                caller.close()
                inner.close()
                continue
            for source, sink in ((caller, inner), (inner, caller)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def home() -> Path:
    """The folder of all doors that this user has on this host, closed to everybody else.

    Raises:
        DesktopLost: somebody else made it.
    """
    host = zlib.crc32(this_host().encode())
    folder = Path(tempfile.gettempdir()) / f"arpo-doors-{os.getuid()}-{host:08x}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise DesktopLost(f"{folder} is not a folder of yours alone; remove it, or set TMPDIR to another place")
    return folder


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
