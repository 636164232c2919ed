"""A webhook's other end, on this machine."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar


class Chat(BaseHTTPRequestHandler):
    """A webhook's other end: keeps what it gets, and answers as it is told to."""

    got: ClassVar[list[dict[str, Any]]] = []
    status = 200
    silent: ClassVar[threading.Event] = threading.Event()
    hangs = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.hangs:
            self.silent.wait(30)
        type(self).got.append(json.loads(body))
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""
