"""A small HTTP server: routes, token, one answer per request id. Knows no desktop.

A POST that carries `X-Request-Id` is carried out once: sent again, for whatever reason, it is answered as the first
time, or waits for that answer. So a client may repeat what it does not know the fate of, and nothing is clicked twice.
"""

from __future__ import annotations

import base64
import hmac
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

LARGEST_BODY = 2**30
REMEMBERED = 512
"""Answers that are kept for requests that come again."""
REQUEST_ID = "X-Request-Id"


class Refusal(Exception):
    """A request that is not carried out; the text says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Request:
    """What was asked."""

    query: Mapping[str, str]
    content_type: str
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object; an empty body is an empty object.

        Raises:
            Refusal: it is none.
        """
        try:
            found = json.loads(self.body or b"{}")
        except ValueError as error:
            raise Refusal(400, f"the body is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise Refusal(400, f"the body is a JSON {type(found).__name__}, not an object")
        return found

    def form(self) -> dict[str, bytes]:
        """Fields of a form, url-encoded or multipart."""
        if self.content_type.startswith("multipart/form-data"):
            head = f"Content-Type: {self.content_type}\r\n\r\n".encode()
            message = BytesParser(policy=policy.HTTP).parsebytes(head + self.body)
            return {
                str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True) or b"")
                for part in message.iter_parts()
            }
        pairs = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[-1].encode() for name, values in pairs.items()}


@dataclass(frozen=True)
class Response:
    """What is answered."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def as_json(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(json.dumps(value).encode(), status=status)


def as_text(text: str, status: int = 200) -> Response:
    """A plain answer."""
    return Response(text.encode(), "text/plain; charset=utf-8", status)


Handler = Callable[[Request], Response]


@dataclass
class _Once:
    """The fate of one request id."""

    done: threading.Event = field(default_factory=threading.Event)
    response: Response | None = None


class Api:
    """Handlers by method and path, a token for all of them, and what was answered already."""

    def __init__(self, routes: Mapping[tuple[str, str], Handler], token: str) -> None:
        self._routes = routes
        self._token = token
        self._answered: OrderedDict[str, _Once] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, request: Request, headers: Mapping[str, str]) -> Response:
        """Carry a request out, or refuse it."""
        if not self._may(headers.get("Authorization", "")):
            return _error(401, "the token is missing or wrong; send it as Authorization: Bearer TOKEN")
        handler = self._routes.get((method, path))
        if handler is None:
            known = any(other == path for _, other in self._routes)
            return _error(405 if known else 404, f"there is no {method} {path} here")
        request_id = headers.get(REQUEST_ID, "")
        return self._once(request_id, handler, request) if method == "POST" and request_id else _run(handler, request)

    def _once(self, request_id: str, handler: Handler, request: Request) -> Response:
        with self._lock:
            known = self._answered.get(request_id)
            mine = known or self._answered.setdefault(request_id, _Once())
            while len(self._answered) > REMEMBERED:
                self._answered.popitem(last=False)
        if known is None:
            mine.response = _run(handler, request)
            mine.done.set()
        mine.done.wait()
        assert mine.response is not None, "set before the event"
        return mine.response

    def _may(self, authorization: str) -> bool:
        """OSWorld's own client knows no tokens but understands `http://desktop:TOKEN@host`, which arrives as Basic."""
        if not self._token:
            return True
        kind, _, value = authorization.partition(" ")
        if kind == "Basic":
            try:
                value = base64.b64decode(value).decode("utf-8", "replace").partition(":")[2]
            except ValueError:
                return False
        return hmac.compare_digest(value.encode(), self._token.encode())


def _run(handler: Handler, request: Request) -> Response:
    try:
        return handler(request)
    except Refusal as refusal:
        return _error(refusal.status, str(refusal))
    # A mistake in one request must not end the desktop; whoever asked is told what it was.
    except Exception as error:  # noqa: BLE001
        return _error(500, f"{type(error).__name__}: {error}")


def _error(status: int, message: str) -> Response:
    return as_json({"status": "error", "message": message, "error": message}, status)


def listen(api: Api, *, fd: int | None, address: tuple[str, int]) -> ThreadingHTTPServer:
    """A server on an inherited socket that listens already, or on an address of its own."""

    class OneHandler(_RequestHandler):
        pass

    OneHandler.api = api
    server = ThreadingHTTPServer(address, OneHandler, bind_and_activate=fd is None)
    server.daemon_threads = True
    if fd is not None:
        server.socket.close()
        server.socket = socket(fileno=fd)
    return server


def serve(server: ThreadingHTTPServer) -> None:
    """Answer for as long as the process lives."""
    server.serve_forever()


class _RequestHandler(BaseHTTPRequestHandler):
    api: Api
    protocol_version = "HTTP/1.1"
    server_version = "arpo-desktop"
    disable_nagle_algorithm = True
    wbufsize = 65536

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it; what goes wrong is in the answers."""

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "chunked" in self.headers.get("Transfer-Encoding", "") or not length.isdigit():
            self.close_connection = True
            return self._send(_error(411, "the body has no Content-Length; send it in one piece"))
        if int(length) > LARGEST_BODY:
            self.close_connection = True
            return self._send(_error(413, f"the body has {length} bytes, more than {LARGEST_BODY}"))
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        request = Request(query, self.headers.get("Content-Type", ""), self.rfile.read(int(length)))
        return self._send(self.api.answer(self.command, parts.path, request, self.headers))  # type: ignore[arg-type]

    def _send(self, response: Response) -> None:
        try:
            self.send_response(response.status)
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)
            self.wfile.flush()
        except ConnectionError:
            self.close_connection = True
