"""One server that speaks OpenAI's chat completions: requests, and what each answer means. Blocking; called in threads.

Says whether a refusal may pass (busy, broken, away) or will not (no such model, no right). Knows no episodes.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from arpo_engine.contract.errors import ArpoError, ContextFull, KeyRefused, ModelError
from arpo_engine.contract.servers import LIST_VARIABLE, ServerGate, ServerRefused

MOST_BYTES = 16_000_000
"""Of one answer; no reply of a model is as long."""
LONGEST_RETRY_AFTER_S = 60.0
_PASSING = (408, 409, 425, 429)
_SHOWN_CHARACTERS = 300
_TOO_LONG = re.compile(r"context[_ ]length|maximum context|max_model_len|too many tokens|longer than the maximum", re.I)


class ServerTrouble(ArpoError):
    """The server is busy, broken or away; the same request may work later."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """What the server asked for, if it did."""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The first choice of an answer."""

    text: str
    ended: bool
    """Whether the model ended its turn by itself."""
    tokens: int
    """Sampled tokens as the server counts them; 0 where it does not."""


def _connected(made: socket.socket, place: Any, timeout_s: float | None) -> socket.socket:
    try:
        made.settimeout(timeout_s)
        made.connect(place)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        made.close()
        raise
    return made


class _Gated(http.client.HTTPConnection):
    """A connection to an address that the run may ask. What is judged is what is connected to: the name is looked up
    once, so that it cannot lead elsewhere a moment later."""

    gate: ServerGate | None = None
    may_have_key = True

    def connect(self) -> None:
        """Look the name up and connect to the first of its addresses that is allowed and answers.

        Raises:
            ServerRefused: none of its addresses may be asked.
            OSError: it cannot be reached.
        """
        if self.gate is None:
            super().connect()
            return
        trouble: Exception = OSError(f"{self.host} has no address")
        for family, kind, protocol, _, place in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            try:
                self.may_have_key = self.gate.gives_key(self.host, self.port, str(place[0]))
                self.sock = _connected(socket.socket(family, kind, protocol), place, self.timeout)
            except (ServerRefused, OSError) as error:
                trouble = error
                continue
            return
        raise trouble


class _GatedTls(http.client.HTTPSConnection, _Gated):
    """The same with TLS round it, for the name that was given."""


class ChatServer:
    """One address. Every request has a connection of its own; `close` ends those that wait."""

    def __init__(self, base_url: str, *, key: str | None, timeout_s: float, gate: ServerGate | None = None) -> None:
        parts = urlsplit(base_url)
        self.url = base_url
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._path = parts.path.rstrip("/")
        self._key = key
        self._gate = gate
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._open: set[http.client.HTTPConnection] = set()

    def complete(self, request: dict[str, Any]) -> ChatReply:
        """Ask for one reply.

        Raises:
            ServerTrouble: it may work later.
            ContextFull: the conversation is longer than the model's context.
            ModelError: it will not work: the model, the key or the request is refused.
        """
        status, data = self._call("POST", "/chat/completions", json.dumps(request).encode())
        tree = self._tree(data)
        try:
            choice = tree["choices"][0]
            content = choice["message"].get("content")
            tokens = int((tree.get("usage") or {}).get("completion_tokens") or 0)
            return ChatReply(_words(content), choice.get("finish_reason") == "stop", tokens)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise ServerTrouble(
                f"{self.url} answered {status} without a reply in it: {_shown(data)}; "
                "generator.base_urls needs servers of chat completions"
            ) from error

    def models(self) -> list[str] | None:
        """Names of the models that it serves; None where it does not tell.

        Raises:
            ServerTrouble, ModelError: as for `complete`.
        """
        try:
            _, data = self._call("GET", "/models", None)
            return [str(entry["id"]) for entry in self._tree(data)["data"]]
        except _NoSuchPage:
            return None
        except (KeyError, TypeError) as error:
            raise ServerTrouble(f"{self.url}/models is no list of models; is base_urls complete, up to /v1?") from error

    def close(self) -> None:
        """End the requests that wait for an answer."""
        with self._lock:
            waiting = list(self._open)
        for connection in waiting:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def _call(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = self._connection()
        with self._lock:
            self._open.add(connection)
        try:
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            connection.connect()
            if self._key and connection.may_have_key:
                headers["Authorization"] = f"Bearer {self._key}"
            connection.request(method, self._path + path, body, headers)
            response = connection.getresponse()
            data = response.read(MOST_BYTES + 1)
            retry_after = response.getheader("Retry-After")
        except TimeoutError as error:
            raise ServerTrouble(
                f"{self.url} gave no answer within generator.timeout_s = {self._timeout_s:g} s; raise it, or give the "
                "server less to do"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ServerTrouble(f"{self.url} cannot be reached ({str(error) or type(error).__name__})") from error
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()
        if len(data) > MOST_BYTES:
            raise ModelError(
                f"{self.url} answered with more than {MOST_BYTES:,} bytes; is it a server of chat completions?"
            )
        self._judge(response.status, data, retry_after, keyless=not connection.may_have_key)
        return response.status, data

    def _judge(self, status: int, data: bytes, retry_after: str | None, *, keyless: bool) -> None:
        said = f"{self.url} answered {status}: {_shown(data)}"
        if status < 300:
            return
        if status < 400:
            raise ModelError(f"{said}; it leads elsewhere, and that is not followed: give the address that it leads to")
        if status in (401, 403) and keyless:
            raise ModelError(
                f"{said}; it got no key, since it is not listed for runs of this console: ask whoever runs the console "
                f"to add it to {LIST_VARIABLE}, or let an admin of the team start this run"
            )
        if status in _PASSING or status >= 500:
            raise ServerTrouble(said, _seconds(retry_after))
        if status in (401, 403):
            raise KeyRefused(f"{said}; set the environment variable that generator.api_key_env names to a good key")
        if status in (400, 413, 422) and _TOO_LONG.search(_shown(data)):
            raise ContextFull(said)
        if status == 404:
            raise _NoSuchPage(f"{said}; check generator.base_urls (up to /v1) and generator.model")
        raise ModelError(f"{said}; mend the generator's settings, or lower rollout.max_steps or agent.history_images")

    def _tree(self, data: bytes) -> Any:
        try:
            return json.loads(data)
        except ValueError as error:
            raise ServerTrouble(f"{self.url} answered with something else than JSON: {_shown(data)}") from error

    def _connection(self) -> _Gated:
        made: _Gated
        if self._secure:
            context = ssl.create_default_context()
            made = _GatedTls(self._host, self._port, timeout=self._timeout_s, context=context)
        else:
            made = _Gated(self._host, self._port, timeout=self._timeout_s)
        made.gate = self._gate
        return made


class _NoSuchPage(ModelError):
    """404: the address is wrong, or the model."""


def _words(content: Any) -> str:
    """A reply's content is a text, or parts of which some are texts; a refusal has none."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _shown(data: bytes) -> str:
    """What an answer says, for a sentence."""
    text = data[:65536].decode(errors="replace")
    with contextlib.suppress(ValueError):
        tree = json.loads(text)
        error = tree.get("error", tree) if isinstance(tree, dict) else tree
        told = error.get("message") or error.get("detail") or error if isinstance(error, dict) else error
        code = error.get("code") if isinstance(error, dict) else None
        text = f"{told} ({code})" if code and str(code) not in str(told) else str(told)
    return re.sub(r"\s+", " ", text).strip()[:_SHOWN_CHARACTERS] or "nothing"


def _seconds(retry_after: str | None) -> float | None:
    """The header's seconds; its other form, a date, is not waited for."""
    try:
        return min(max(0.0, float(retry_after or "")), LONGEST_RETRY_AFTER_S)
    except ValueError:
        return None
