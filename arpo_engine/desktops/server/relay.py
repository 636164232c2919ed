"""Carries bytes from a socket outside to a port inside a desktop's own network, such as Chromium's debugging port.

The outer socket was made before the network was left, so that it is reached from the host and nothing else is. A
connection to a port that nobody listens on is closed at once, as it would be without this.
"""

from __future__ import annotations

import contextlib
import socket
import threading

CHUNK = 65536


def relay(descriptor: int, port: int) -> None:
    """Accept on the inherited socket for as long as the process lives."""
    outer = socket.socket(fileno=descriptor)
    threading.Thread(target=_accept, args=(outer, port), name=f"relay-{port}", daemon=True).start()


def _accept(outer: socket.socket, port: int) -> None:
    while True:
        caller, _ = outer.accept()
        try:
            inner = socket.create_connection(("127.0.0.1", port), timeout=5)
            inner.settimeout(None)
        except OSError:
            caller.close()
            continue
        for source, sink in ((caller, inner), (inner, caller)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
