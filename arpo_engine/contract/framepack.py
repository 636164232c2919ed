"""Several screenshots in one request: how they are packed, read back, and answered. Knows bytes; no network, no files.

A pack is one screenshot after the other, each behind its length as four bytes, big end first. Their names need not
travel: they are the hashes of the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import Field

from arpo_engine.contract.base import Wire

MEDIA_TYPE: Final = "application/vnd.arpo.frames"
MOST_FRAMES: Final = 64
"""In one pack."""
MOST_BYTES: Final = 8 * 1024 * 1024
"""Of one pack."""
_LENGTH: Final = struct.Struct(">I")


class PackUnreadable(ValueError):
    """The bytes are no pack of screenshots; the text says where they stop being one."""


class FramesAnswer(Wire):
    """What became of the screenshots of a pack. One that is in neither list of names was kept already."""

    stored: list[str] = Field(default_factory=list)
    refused: dict[str, str] = Field(default_factory=dict)
    """Hash to the reason, for those that are not taken and need not be sent again."""


def pack(frames: Iterable[bytes]) -> bytes:
    """The screenshots as one body."""
    return b"".join(part for data in frames for part in (_LENGTH.pack(len(data)), data))


def unpack(body: bytes) -> Sequence[bytes]:
    """The screenshots of a body.

    Raises:
        PackUnreadable: it ends inside one, holds none, or too many.
    """
    frames: list[bytes] = []
    at = 0
    while at < len(body):
        if len(body) - at < _LENGTH.size:
            raise PackUnreadable(f"the pack ends inside the length of frame {len(frames) + 1}; send it again")
        (size,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size
        if size > len(body) - at:
            raise PackUnreadable(
                f"frame {len(frames) + 1} says {size} bytes, and {len(body) - at} follow; send the pack again"
            )
        frames.append(body[at : at + size])
        at += size
        if len(frames) > MOST_FRAMES:
            raise PackUnreadable(f"the pack has more than {MOST_FRAMES} frames; send fewer at once")
    if not frames:
        raise PackUnreadable("the pack holds no frame; send at least one")
    return frames
