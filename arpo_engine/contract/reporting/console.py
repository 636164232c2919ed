"""The console's door as HTTP calls: what is sent, what each answer means. Knows no spool, no threads, no retries.

POST {console}/api/v1/runs/{run}/events           envelopes of one attempt, one a line; gzip above 8 KB. With
                                                  ?frames=all the answer also names the missing screenshots that
                                                  an earlier answer named: nobody knows whether that one arrived
    200, or 409 for a gap   an `IngestAnswer`; its `last_seq` is of the attempt that the lines belong to, and of
                            the token's own attempt when there are no lines
    413                     too many bytes
    422                     {"line": n, "detail": "..."}: line n (from 1) cannot be read; nothing was kept
PUT  {console}/api/v1/runs/{run}/frames/{sha256}  a screenshot's bytes
POST {console}/api/v1/runs/{run}/frames           several of them in a pack (`framepack`); a `FramesAnswer`
GET  {console}/api/v1/runs/{run}/secrets          a `SecretsAnswer`, for an attempt that is alive

Every call names the version of the contract; 426 says that the console has another one.
"""

from __future__ import annotations

import gzip
import http.client
import json
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from pydantic import ValidationError

from arpo_engine.contract import framepack
from arpo_engine.contract.agreement import HEADER, disagreement
from arpo_engine.contract.errors import ArpoError, ConfigError
from arpo_engine.contract.events import WIRE_VERSION, IngestAnswer
from arpo_engine.contract.framepack import FramesAnswer
from arpo_engine.contract.secrets import SecretsAnswer

TIMEOUT_S = 10.0
GZIP_ABOVE_BYTES = 8192
UPGRADE_REQUIRED = 426

_GZIP_LEVEL = 3
"""A fifth of the size for a quarter of the time of the default level."""


class ConsoleAway(ArpoError):
    """The console cannot be reached or is not itself now; the same call may work later."""


class ConsoleBroke(ConsoleAway):
    """The console failed at what it was sent (500): it may be broken, or it may break at just this."""


class ConsoleRefused(ArpoError):
    """The console understood and said no: a token that is not good, a run that is not there."""


class ContractsDiffer(ConsoleRefused):
    """Engine and console come from releases that do not understand each other."""


class BatchTooLarge(ArpoError):
    """The console does not take so many bytes at once."""


class LineUnreadable(ArpoError):
    """The console cannot read one line of a batch."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line
        """From 1; None when the answer does not name it."""


@dataclass(slots=True)
class ConsoleClient:
    """One connection, kept open between calls and opened again when it broke. Used by one thread."""

    secure: bool
    host: str
    port: int | None
    base: str
    """Path of the run's API, without a slash at the end."""
    token: str
    answer_lost: bool = True
    """An answer, perhaps to an earlier attempt, may have named screenshots that nobody heard of; the next call to
    `post_events` asks for them again. The console by itself asks once and then waits a while."""
    _connection: http.client.HTTPConnection | None = None

    @classmethod
    def for_run(cls, url: str, run_id: str | None, token: str | None) -> ConsoleClient:
        """The client of one run.

        Raises:
            ConfigError: the address is none, or the run's id or token is missing.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"--report-to is {url!r}; give the console's address, such as http://127.0.0.1:8000")
        if not run_id or not token:
            missing = "--run-id" if not run_id else "a token (ARPO_ATTEMPT_TOKEN)"
            raise ConfigError(
                f"--report-to is {url}, but {missing} is missing; the console gives both when it starts a run"
            )
        if not token.strip().isascii() or not token.strip().isprintable():
            raise ConfigError("the token (ARPO_ATTEMPT_TOKEN) has characters that no token has; copy it again")
        base = f"{parts.path.rstrip('/')}/api/v1/runs/{quote(run_id, safe='')}"
        return cls(secure=parts.scheme == "https", host=parts.hostname, port=parts.port, base=base, token=token.strip())

    def post_events(self, body: bytes) -> IngestAnswer:
        """Ship envelopes, one a line; an empty body is a heartbeat.

        Raises:
            ConsoleAway, ConsoleRefused, BatchTooLarge, LineUnreadable: each says what the console said.
        """
        headers = {"Content-Type": "application/x-ndjson"}
        if len(body) > GZIP_ABOVE_BYTES:
            body = gzip.compress(body, _GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        status, answer = self._call("POST", f"{self.base}/events", body, headers)
        if status == 413:
            raise BatchTooLarge(_detail(answer))
        if status == 422:
            raise LineUnreadable(_detail(answer), _line_number(answer))
        # A gap or an ended attempt is answered with 409 and still says how far the console has read.
        if status == UPGRADE_REQUIRED:
            raise ContractsDiffer(_detail(answer))
        if status not in (200, 201, 202, 409):
            raise ConsoleRefused(f"the console answered {status}: {_detail(answer)}")
        try:
            heard = IngestAnswer.model_validate_json(answer)
        except ValidationError as error:
            kind = ConsoleRefused if status == 409 else ConsoleAway
            raise kind(
                f"the console answered {status} with something else than an answer to events: {_detail(answer)}"
            ) from error
        differ = disagreement(console=heard.contract, engine=WIRE_VERSION)
        if differ is not None:
            raise ContractsDiffer(differ)
        self.answer_lost = False
        return heard

    def handshake(self) -> None:
        """Show that both sides understand each other, before anything is computed.

        Raises:
            ContractsDiffer: they do not.
            ConsoleAway, ConsoleRefused: the console cannot be asked now.
        """
        self.post_events(b"")

    def get_secrets(self) -> dict[str, str]:
        """The values of the secrets that the run's config names, by variable.

        Raises:
            ConsoleAway, ConsoleRefused: each says what the console said.
        """
        status, answer = self._call("GET", f"{self.base}/secrets", b"", {})
        if status != 200:
            raise ConsoleRefused(f"the console answered {status}: {_detail(answer)}")
        try:
            return SecretsAnswer.model_validate_json(answer).values
        except ValidationError as error:
            raise ConsoleRefused("the console answered with something else than secrets") from error

    def put_frame(self, sha256: str, data: bytes, media_type: str) -> None:
        """Upload a screenshot.

        Raises:
            ConsoleAway: try again later.
            ConsoleRefused: this frame is not wanted.
        """
        status, answer = self._call("PUT", f"{self.base}/frames/{sha256}", data, {"Content-Type": media_type})
        if status not in (200, 201, 204):
            raise ConsoleRefused(f"the console answered {status}: {_detail(answer)}")

    def post_frames(self, frames: Sequence[bytes]) -> FramesAnswer:
        """Upload several screenshots at once.

        Raises:
            ConsoleAway: try again later.
            ConsoleRefused: the pack as a whole is not taken, as by a console that knows none.
        """
        headers = {"Content-Type": framepack.MEDIA_TYPE}
        status, answer = self._call("POST", f"{self.base}/frames", framepack.pack(frames), headers)
        if status != 200:
            raise ConsoleRefused(f"the console answered {status}: {_detail(answer)}")
        try:
            return FramesAnswer.model_validate_json(answer)
        except ValidationError as error:
            raise ConsoleRefused("the console answered with something else than what became of frames") from error

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        headers["Authorization"] = f"Bearer {self.token}"
        headers[HEADER] = str(WIRE_VERSION)
        reused = self._connection is not None
        try:
            status, answer = self._exchange(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            self.answer_lost = True
            if reused and isinstance(error, ConnectionError):
                # Servers close a connection that was idle for a while; that says nothing about their health.
                return self._call(method, path, body, headers)
            raise ConsoleAway(f"no answer from {self.host}: {str(error) or type(error).__name__}") from error
        self.answer_lost = self.answer_lost or status >= 500
        if status == 500:
            raise ConsoleBroke(f"{self.host} answered 500: {_detail(answer)}")
        if status > 500 or status in (408, 425, 429):
            raise ConsoleAway(f"{self.host} answered {status}: {_detail(answer)}")
        return status, answer

    def _exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = self._connect()
        query = "?frames=all" if path.endswith("/events") and self.answer_lost else ""
        connection.request(method, path + query, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            if self.secure:
                context = ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=context)
            else:
                self._connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        return self._connection


def _tree(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return None


def _detail(answer: bytes) -> str:
    """What a refusal says, for a log line."""
    tree = _tree(answer)
    detail = tree.get("detail", tree) if isinstance(tree, dict) else answer.decode(errors="replace")
    if isinstance(detail, dict):
        detail = detail.get("message", detail)
    return re.sub(r"\s+", " ", str(detail)).strip()[:500] or "nothing"


def _line_number(answer: bytes) -> int | None:
    """The line that could not be read, from `line` in the answer or in its `detail`."""
    tree = _tree(answer)
    for holder in (tree, tree.get("detail") if isinstance(tree, dict) else None):
        if isinstance(holder, dict) and isinstance(holder.get("line"), int):
            return int(holder["line"])
    return None
