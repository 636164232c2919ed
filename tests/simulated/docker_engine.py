"""A *simulated* Docker engine on a Unix socket: the few requests of its HTTP API that our providers make.

Written from the API's published description, for tests where no engine is. A container that is started is a simulated
OSWorld server behind the ports that it asked for; it runs no image.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulated.osworld_server import SimulatedServer


@dataclass
class Container:
    """What was asked for, and what became of it."""

    id: str
    name: str
    asked: dict[str, Any]
    server: SimulatedServer | None = None
    exit_code: int = 0

    @property
    def environment(self) -> dict[str, str]:
        return dict(word.split("=", 1) for word in self.asked.get("Env") or [])


@dataclass
class SimulatedEngine:
    """The engine's state, and how it misbehaves."""

    socket: Path
    images: set[str] = field(default_factory=set)
    containers: dict[str, Container] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    broken_for: int = 0
    """Errors with which each container's server begins."""
    boots_with_kvm: bool = True
    ends_at_once: bool = False
    refuses_to_pause: bool = False
    refuses_to_wake: bool = False
    loses_wakes: bool = False
    """It says that a container goes on, and it does not."""
    refusal: str = ""
    """What it answers to whoever wants a container made."""

    def __enter__(self) -> SimulatedEngine:
        self._http = _UnixHttpServer(str(self.socket), _handler(self))
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        for container in list(self.containers.values()):
            if container.server is not None:
                container.server.close()

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        for wanted, pattern, handler in _ROUTES:
            found = re.fullmatch(pattern, path)
            if wanted == method and found:
                return handler(self, found.groups(), query, body)
        return 404, {"message": f"page not found: {method} {path}"}

    def version(self, *_: Any) -> tuple[int, Any]:
        return 200, {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux"}

    def image(self, groups: tuple[str, ...], *_: Any) -> tuple[int, Any]:
        if groups[0] in self.images:
            return 200, {"Id": "sha256:0"}
        return 404, {"message": f"No such image: {groups[0]}:latest"}

    def create(self, _groups: tuple[str, ...], query: dict[str, str], body: Any) -> tuple[int, Any]:
        if self.refusal:
            return 500, {"message": self.refusal}
        if body["Image"] not in self.images:
            return 404, {"message": f"No such image: {body['Image']}:latest"}
        made = Container(id=secrets.token_hex(32), name=query["name"], asked=body)
        self.containers[made.id] = made
        return 201, {"Id": made.id, "Warnings": []}

    def start(self, groups: tuple[str, ...], *_: Any) -> tuple[int, Any]:
        container = self.containers[groups[0]]
        if self.ends_at_once:
            container.exit_code = 1
            return 204, None
        stuck = "KVM" not in container.environment and not self.boots_with_kvm
        container.server = SimulatedServer(broken_for=10**9 if stuck else self.broken_for)
        return 204, None

    def inspect(self, groups: tuple[str, ...], *_: Any) -> tuple[int, Any]:
        container = self.containers.get(groups[0])
        if container is None:
            return 404, {"message": f"No such container: {groups[0]}"}
        server = container.server
        port = str(server.port) if server is not None else ""
        bindings = container.asked["HostConfig"].get("PortBindings") or {}
        ports = {inner: [{"HostIp": "127.0.0.1", "HostPort": port}] for inner in bindings}
        state = {"Running": server is not None, "ExitCode": container.exit_code}
        return 200, {"Id": container.id, "State": state, "NetworkSettings": {"Ports": ports if server else {}}}

    def pause(self, groups: tuple[str, ...], *_: Any) -> tuple[int, Any]:
        server = self.containers[groups[0]].server
        if self.refuses_to_pause or server is None or server.paused:
            return 409, {"message": f"Container {groups[0]} cannot be paused"}
        server.paused = True
        return 204, None

    def unpause(self, groups: tuple[str, ...], *_: Any) -> tuple[int, Any]:
        container = self.containers.get(groups[0])
        if container is None:
            return 404, {"message": f"No such container: {groups[0]}"}
        if container.server is None or not container.server.paused:
            return 500, {"message": f"Container {groups[0]} is not paused"}
        if self.refuses_to_wake:
            return 500, {"message": "unable to thaw"}
        container.server.paused = self.loses_wakes
        return 204, None

    def remove(self, groups: tuple[str, ...], *_: Any) -> tuple[int, Any]:
        container = self.containers.pop(groups[0], None)
        if container is None:
            return 404, {"message": f"No such container: {groups[0]}"}
        if container.server is not None:
            container.server.close()
        self.removed.append(container.id)
        return 204, None

    def list(self, _groups: tuple[str, ...], query: dict[str, str], _body: Any) -> tuple[int, Any]:
        wanted = json.loads(query.get("filters", "{}")).get("label", [])
        return 200, [
            {"Id": one.id, "Names": [f"/{one.name}"], "Labels": one.asked.get("Labels") or {}}
            for one in list(self.containers.values())
            if all(_has(one.asked.get("Labels") or {}, label) for label in wanted)
        ]

    def logs(self, *_: Any) -> tuple[int, Any]:
        return 200, b"qemu: could not open disk"


def _has(labels: dict[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


_ROUTES = (
    ("GET", r"/version", SimulatedEngine.version),
    ("GET", r"/images/(.+)/json", SimulatedEngine.image),
    ("POST", r"/containers/create", SimulatedEngine.create),
    ("POST", r"/containers/(\w+)/start", SimulatedEngine.start),
    ("GET", r"/containers/json", SimulatedEngine.list),
    ("GET", r"/containers/(\w+)/json", SimulatedEngine.inspect),
    ("GET", r"/containers/(\w+)/logs", SimulatedEngine.logs),
    ("POST", r"/containers/(\w+)/pause", SimulatedEngine.pause),
    ("POST", r"/containers/(\w+)/unpause", SimulatedEngine.unpause),
    ("DELETE", r"/containers/(\w+)", SimulatedEngine.remove),
)


class _UnixHttpServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


def _handler(engine: SimulatedEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = re.sub(r"^/v[\d.]+", "", parts.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            status, said = engine.answer(self.command, path, query, json.loads(body or b"null"))
            content = said if isinstance(said, bytes) else b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Silent; and a Unix socket has no address to name."""

    return Handler
