"""A small real HTTP server that speaks chat completions and can be told to misbehave."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "ui-tars"


@dataclass
class Said:
    """One answer: a status, a body (JSON, or bytes as they are) and headers; `hold` keeps it back until it is set."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None


def reply(text: Any, *, finish: str = "stop", tokens: int = 7) -> Said:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return Said({"choices": [choice], "usage": {"completion_tokens": tokens}})


def refusal(status: int, message: str, **headers: str) -> Said:
    return Said({"error": {"message": message, "code": None}}, status, headers)


class ChatStub:
    """Answers by a script; keeps what it was asked."""

    def __init__(self) -> None:
        self.script: Callable[[int, dict[str, Any]], Said] = lambda number, request: reply("finish")
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.models: Said = Said({"data": [{"id": MODEL}]})
        self.asked = threading.Event()
        self.lock = threading.Lock()
        self.url = ""

    def answer(self, method: str, path: str, body: bytes, key: str | None) -> Said:
        if (method, path) == ("GET", "/v1/models"):
            return self.models
        if (method, path) != ("POST", "/v1/chat/completions"):
            return refusal(404, "no such page")
        request = json.loads(body)
        with self.lock:
            number = len(self.requests)
            self.requests.append(request)
            self.keys.append(key)
        self.asked.set()
        return self.script(number, request)


@contextmanager
def chat_stub() -> Iterator[ChatStub]:
    stub = ChatStub()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            said = stub.answer(self.command, self.path, self.rfile.read(length), self.headers.get("Authorization"))
            if said.hold is not None:
                said.hold.wait(30)
            data = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            try:
                self.send_response(said.status)
                for name, value in {"Content-Length": str(len(data)), **said.headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                return  # the client has given up, as some tests want it to

        do_GET = do_POST = _serve

        def log_message(self, *arguments: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
