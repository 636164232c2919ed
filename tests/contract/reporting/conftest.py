"""A console as the reporter meets it: a real HTTP server that can be away, slow, strict or refusing."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from arpo_engine.contract.framepack import unpack
from arpo_engine.contract.reporting import reporter as reporter_module

TOKEN = "attempt-token"
RUN_ID = "run-1"


@dataclass
class ConsoleUnderTest:
    """What it was sent, and how it answers."""

    events: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    deliveries: list[tuple[int, int]] = field(default_factory=list)
    batches: list[list[tuple[int, int]]] = field(default_factory=list)
    frames: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    heartbeats: int = 0
    answered: int = 0
    directive: str = "run"
    orders: list[dict[str, str]] = field(default_factory=list)
    directions: list[dict[str, Any]] = field(default_factory=list)
    ask_for_frames: bool = True
    frames_at_once: int = 1000
    refuse_packs: int = 0
    """Status with which packs of screenshots are answered, as by a console that knows none."""
    bad: set[str] = field(default_factory=set)
    """Screenshots that are refused."""
    asked_for: set[str] = field(default_factory=set)
    answers_to_lose: int = 0
    refuse: Callable[[list[dict[str, Any]], bytes], tuple[int, dict[str, Any]] | None] = lambda lines, body: None
    changed: threading.Condition = field(default_factory=threading.Condition)
    may_answer: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def all_answered(self) -> bool:
        return self.answered == len(self.requests)

    def open(self) -> None:
        handler = type("Handler", (_Handler,), {"console": self})
        self.server = _Server(("127.0.0.1", self.port), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def leave(self) -> None:
        """Go away: the port answers nobody, and open connections are cut."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server.cut_connections()
            self.server = None

    def cut_connections(self) -> None:
        """Close what is idle, as servers do after a few seconds."""
        assert self.server is not None
        self.server.cut_connections()

    def last_seq(self, attempt: int) -> int:
        seq = 0
        while (attempt, seq + 1) in self.events:
            seq += 1
        return seq

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout_s), f"the console has {sorted(self.events)[-3:]}"

    def missing_frames(self, *, again: bool) -> list[str]:
        """Each is asked for once, as the console does within half a minute, unless the engine wants to hear again."""
        if not self.ask_for_frames:
            return []
        wanted = [envelope["event"].get("frame") for envelope in self.events.values()]
        known = self.frames.keys() if again else self.frames.keys() | self.asked_for
        missing = [frame["sha256"] for frame in wanted if frame and frame["sha256"] not in known]
        self.asked_for.update(missing[: self.frames_at_once])
        return missing[: self.frames_at_once]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.open_sockets: list[Any] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open_sockets.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that was cut on purpose."""

    def cut_connections(self) -> None:
        for connection in self.open_sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self.open_sockets.clear()


class _Handler(BaseHTTPRequestHandler):
    console: ConsoleUnderTest
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        console = self.console
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/frames"):
            self._take_pack(raw)
            return
        body = gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw
        lines = [json.loads(line) for line in body.splitlines()]
        console.may_answer.wait(20.0)
        with console.changed:
            console.requests.append(("POST", self.path, dict(self.headers)))
            status, answer = self._ingest(lines, raw)
            lost = console.answers_to_lose > 0
            console.answers_to_lose -= lost
            console.changed.notify_all()
        if lost:
            self.close_connection = True
        else:
            self._answer(status, answer)

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        with self.console.changed:
            self.console.requests.append(("PUT", self.path, dict(self.headers)))
            self.console.frames[self.path.rsplit("/", 1)[1]] = data
            self.console.changed.notify_all()
        self._answer(201, {})

    def _take_pack(self, raw: bytes) -> None:
        console = self.console
        with console.changed:
            console.requests.append(("POST", self.path, dict(self.headers)))
            named = {hashlib.sha256(data).hexdigest(): data for data in unpack(raw)}
            taken = (
                {} if console.refuse_packs else {name: data for name, data in named.items() if name not in console.bad}
            )
            console.frames |= taken
            console.changed.notify_all()
        if console.refuse_packs:
            self._answer(console.refuse_packs, {"detail": "no packs here"})
        else:
            refused = {name: "it is no picture" for name in named if name in console.bad}
            self._answer(200, {"stored": list(taken), "refused": refused})

    def _ingest(self, lines: list[dict[str, Any]], raw: bytes) -> tuple[int, dict[str, Any]]:
        console = self.console
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return 401, {"detail": "this token is not good for this run"}
        refusal = console.refuse(lines, raw)
        if refusal is not None:
            return refusal
        attempt = lines[0]["attempt"] if lines else 1
        console.batches += [[(envelope["attempt"], envelope["seq"]) for envelope in lines]] if lines else []
        console.heartbeats += not lines
        status = 200
        if lines and lines[0]["seq"] > console.last_seq(attempt) + 1:
            status = 409
        else:
            for envelope in lines:
                key = (envelope["attempt"], envelope["seq"])
                console.deliveries.append(key)
                console.events.setdefault(key, envelope)
        return status, {
            "directive": console.directive,
            "last_seq": console.last_seq(attempt),
            "missing_frames": console.missing_frames(again=self.path.endswith("?frames=all")),
            **({"orders": console.orders} if console.orders else {}),  # an older console knows of none
            **({"directions": console.directions} if console.directions else {}),
        }

    def _answer(self, status: int, tree: dict[str, Any]) -> None:
        data = json.dumps(tree).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        with self.console.changed:
            self.console.answered += 1
            self.console.changed.notify_all()

    def log_message(self, format: str, *args: Any) -> None:
        """The test's own assertions say what happened."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same behaviour with shorter waits."""
    monkeypatch.setattr(reporter_module, "GATHER_S", 0.01)
    monkeypatch.setattr(reporter_module, "FIRST_RETRY_S", 0.02)
    monkeypatch.setattr(reporter_module, "LAST_RETRY_S", 0.1)
    monkeypatch.setattr(reporter_module, "HEARTBEAT_S", 0.1)


@pytest.fixture
def console() -> Iterator[ConsoleUnderTest]:
    console = ConsoleUnderTest()
    console.may_answer.set()
    console.open()
    yield console
    console.may_answer.set()
    console.leave()
