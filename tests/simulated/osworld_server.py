"""A *simulated* OSWorld desktop server, written from its protocol: it sends a picture, and notes commands down.

No desktop is behind it. What it answers can be set by a test: `broken_for` answers begin with errors, as while booting.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

SIZE = (320, 200)


class SimulatedServer:
    """Answers on an address until closed."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, broken_for: int = 0) -> None:
        self.commands: list[Any] = []
        self.broken_for = broken_for
        self.returncode = 0
        self.frozen: Callable[[], bool] = lambda: self.paused
        """Whether it answers nobody: it is paused, by whoever runs it."""
        self.paused = False
        self._closed = threading.Event()
        self._http = ThreadingHTTPServer((host, port), _handler(self))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    def stand_still(self) -> None:
        """Return when it goes on."""
        while self.frozen() and not self._closed.wait(0.01):
            pass

    def close(self) -> None:
        self._closed.set()
        self._http.shutdown()
        self._http.server_close()


def picture() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", SIZE, (40, 80, 120)).save(written, "PNG")
    return written.getvalue()


def _handler(server: SimulatedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.stand_still()
            if self.path != "/screenshot" or server.broken_for > 0:
                server.broken_for -= 1
                return self._send(500, b"{}", "application/json")
            return self._send(200, picture(), "image/png")

        def do_POST(self) -> None:
            server.stand_still()
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.commands.append(asked["command"])
            done = {"status": "success", "output": "", "error": "", "returncode": server.returncode}
            self._send(200, json.dumps(done).encode(), "application/json")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    return Handler
