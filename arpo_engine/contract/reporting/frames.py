"""Screenshots by the hash of their encoded bytes: `frames/ab/<sha256>.webp`, written once however often they are seen.

Encoding one takes milliseconds (about 2.5 for 224x168, 55 for 1920x1080), so the training loop is given a ticket at
once and the recorder's writer settles it before the event's line is written. Knows pixels and files; knows no events'
order and no network.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.events import FrameRef
from arpo_engine.contract.reporting.sinks import PixelArray

log = logging.getLogger(__name__)

Key = TypeVar("Key")
Value = TypeVar("Value")

FRAMES_NAME = "frames"
MAX_WAITING_BYTES = 256_000_000
"""Pixels that may wait for the encoder; past it the oldest ones are given up, so a slow disk cannot eat the memory."""
REMEMBERED = 4096
"""Screenshots recognised by their pixels and not encoded again; desktops often look the same twice."""

_WEBP_METHOD = 0
"""The encoder's fastest search: at 1920x1080 55 ms instead of 144, for files that are a sixth larger."""


class FrameTicket(FrameRef):
    """Stands for a frame that is not encoded yet; `sha256` is a number and no hash until it is settled."""


class FrameStore:
    """Takes pixels from any thread; settles tickets on one."""

    def __init__(self, folder: Path, config: FramesConfig, complain: Callable[[str], None]) -> None:
        """`complain` is told, once for each kind of trouble, why frames are missing and what helps."""
        self._folder = folder
        self._quality = config.quality
        self._max_bytes = int(config.max_mb * 1_000_000)
        self._max_mb = config.max_mb
        self._complain = complain
        self._said: set[str] = set()
        self._numbers = itertools.count(1)
        self._waiting: OrderedDict[str, PixelArray] = OrderedDict()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._settled: OrderedDict[str, FrameRef | None] = OrderedDict()
        self._known: OrderedDict[bytes, FrameRef] = OrderedDict()
        self._used_bytes = _bytes_in(folder)

    def store(self, pixels: PixelArray) -> FrameTicket:
        """Take a screenshot in; returns at once, whatever its size."""
        height, width = pixels.shape[:2]
        ticket = FrameTicket(sha256=f"{next(self._numbers):064x}", width=width, height=height)
        with self._lock:
            self._waiting[ticket.sha256] = pixels
            self._waiting_bytes += height * width * 3
            while self._waiting_bytes > MAX_WAITING_BYTES and len(self._waiting) > 1:
                _, dropped = self._waiting.popitem(last=False)
                self._waiting_bytes -= dropped.shape[0] * dropped.shape[1] * 3
        return ticket

    def settle(self, ticket: FrameTicket) -> FrameRef | None:
        """Encode and write what the ticket stands for; None: it cannot be kept. Not to be called by two threads."""
        if ticket.sha256 in self._settled:
            return self._settled[ticket.sha256]
        with self._lock:
            pixels = self._waiting.pop(ticket.sha256, None)
            if pixels is not None:
                self._waiting_bytes -= ticket.width * ticket.height * 3
        frame = None
        if pixels is None:
            self._say(
                "slow",
                "screenshots come faster than they can be encoded, so some are left out; raise frames.sample_every",
            )
        else:
            frame = self._keep(pixels)
        _remember(self._settled, ticket.sha256, frame)
        return frame

    def _keep(self, pixels: PixelArray) -> FrameRef | None:
        raw = pixels.tobytes()
        height, width = pixels.shape[:2]
        key = hashlib.sha256(raw).digest() + width.to_bytes(4, "big")
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        kept = self._encode_and_write(raw, width, height)
        if kept is None:
            return None
        frame = FrameRef(sha256=kept, width=width, height=height)
        _remember(self._known, key, frame)
        return frame

    def _encode_and_write(self, raw: bytes, width: int, height: int) -> str | None:
        """The hash of the written file; None after saying why there is none."""
        try:
            kept = self._write(_webp(raw, width, height, self._quality))
        except ImportError:
            self._say("pillow", "screenshots cannot be encoded without Pillow; install it with: pip install pillow")
        except OSError as error:
            why = error.strerror or error
            self._say("disk", f"screenshots cannot be written to {self._folder}: {why}; free some space there")
        except ValueError as error:
            self._say(
                "pixels", f"a screenshot of {len(raw)} bytes is no 8-bit RGB picture of {width}x{height}: {error}"
            )
        else:
            if kept is None:
                self._say(
                    "cap",
                    f"this run's screenshots have reached frames.max_mb = {self._max_mb:g}; steps go on without them. "
                    "Raise it, or keep fewer with frames.sample_every",
                )
            return kept
        return None

    def _write(self, encoded: bytes) -> str | None:
        """Write under the hash of the bytes unless it is there; None when the cap would be passed."""
        sha256 = hashlib.sha256(encoded).hexdigest()
        path = frame_path(self._folder, sha256)
        if path.exists() and path.stat().st_size == len(encoded):
            return sha256
        if self._used_bytes + len(encoded) > self._max_bytes:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        try:
            partial.write_bytes(encoded)
            partial.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise
        self._used_bytes += len(encoded)
        return sha256

    def _say(self, kind: str, message: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            log.warning(message)
            self._complain(message)


def frame_path(folder: Path, sha256: str) -> Path:
    """Where a frame lies in a run's frames folder."""
    return folder / sha256[:2] / f"{sha256}.webp"


def read_frame(folder: Path, sha256: str) -> bytes | None:
    """A frame's bytes; None when they are not there, or are not what the hash says (a crash tore them)."""
    try:
        data = frame_path(folder, sha256).read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def _webp(raw: bytes, width: int, height: int, quality: int) -> bytes:
    from PIL import Image  # only here: the console imports this package and needs no Pillow

    buffer = io.BytesIO()
    Image.frombytes("RGB", (width, height), raw).save(buffer, "WEBP", quality=quality, method=_WEBP_METHOD)
    return buffer.getvalue()


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.webp"))


def _remember(memory: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
