"""A desktop server that misbehaves on request. Simulated: written from the protocol, no recording of a real one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from arpo_engine.desktops.machines import Address

Answer = tuple[int, dict[str, str], bytes]
Script = Callable[[str, str, bytes, dict[str, str]], Answer | None]
"""Method, path, body and headers to status, headers and body; None: the connection is cut."""


class SimulatedMachine:
    name = "simulated"

    def __init__(self, port: int, *, typed: bool) -> None:
        self.address = Address(server_port=port, typed=typed)
        self.reason = ""

    def gone(self) -> str:
        return self.reason

    def close(self) -> None:
        """The server is the test's."""


@contextmanager
def simulated(script: Script, *, typed: bool = True) -> Iterator[SimulatedMachine]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = script(self.command, self.path, body, dict(self.headers))
            if answer is None:
                self.connection.close()
                self.close_connection = True
                return
            status, headers, content = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield SimulatedMachine(server.server_address[1], typed=typed)
    finally:
        server.shutdown()
        server.server_close()


def never(seconds: float = 3.0) -> None:
    """An answer that comes too late for anybody."""
    time.sleep(seconds)
