"""A request's body as envelopes: bounded in size before and after unpacking, and every bad line named by its number."""

from __future__ import annotations

import zlib
from typing import Final

from django.http import HttpRequest, UnreadablePostError
from pydantic import ValidationError

from arpo_engine.contract.events import WIRE_VERSION, Envelope, EpisodeEnded

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""Of one batch, unpacked."""
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class BodyTooLarge(Exception):
    """A batch has more bytes than are taken at once."""


class BodyUnreadable(Exception):
    """A batch, or one line of it, cannot be read."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line
        """From 1; None when it is about the whole body."""


def read_body(request: HttpRequest, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body, unpacked when it came as gzip. It can be read once: a request is part of a cycle, so what it keeps
    stays until Python looks for cycles, which with large bodies is tens of MB.

    Raises:
        BodyTooLarge: it has more than `limit` bytes, packed or unpacked.
        BodyUnreadable: it is no gzip although it says so, or the connection broke.
    """
    declared = request.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(_too_large(int(declared), limit))
    try:
        body = request.read(limit + 1)
    except UnreadablePostError as error:
        raise BodyUnreadable(f"the connection broke while the batch was read: {error}; send it again") from error
    if len(body) > limit:
        raise BodyTooLarge(_too_large(None, limit))
    if request.headers.get("Content-Encoding", "").lower() == "gzip":
        body = _unpack(body, limit)
    if len(body) > limit:
        raise BodyTooLarge(_too_large(len(body), limit))
    return body


def parse_envelopes(body: bytes) -> list[Envelope]:
    """One envelope per line; empty lines are passed over.

    Raises:
        BodyUnreadable: names the first line that is no envelope, and what is wrong with it.
    """
    envelopes = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            envelope = Envelope.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "the line"
            raise BodyUnreadable(f"line {number}: {field}: {first['msg']}", number) from error
        problem = _newer(envelope) or _contradiction(envelope)
        if problem:
            raise BodyUnreadable(f"line {number}: {problem}", number)
        envelopes.append(envelope)
    return envelopes


def _newer(envelope: Envelope) -> str:
    """A line of a later contract may mean something else by the same words."""
    if envelope.v <= WIRE_VERSION:
        return ""
    return f"it is of version {envelope.v} of the contract, and this console reads up to {WIRE_VERSION}; update it"


def _contradiction(envelope: Envelope) -> str:
    """What the types cannot say: an episode with a fault has no score, one without a score has no reward."""
    event = envelope.event
    if not isinstance(event, EpisodeEnded):
        return ""
    if event.fault is not None and event.score is not None:
        return f"episode {event.episode_id} has the fault {event.fault.value} and a score; send one of the two"
    if event.reward is not None and event.score is None:
        return f"episode {event.episode_id} has a reward but no score; send the score, or neither"
    return ""


def _unpack(body: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise BodyUnreadable(f"the body says gzip but cannot be unpacked ({error}); send it again") from error
    if not unpacker.eof and len(unpacked) <= limit:
        raise BodyUnreadable("the gzip body ends too early; send it again")
    return unpacked


def _too_large(size: int | None, limit: int) -> str:
    have = f"{size} bytes" if size is not None else "too many bytes"
    return f"the batch has {have}; at most {limit} are taken at once, so send fewer lines"
