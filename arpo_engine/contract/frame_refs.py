"""A screenshot as events name it. Knows no pixels and no files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arpo_engine.contract.base import Wire


class FrameRef(Wire):
    """A screenshot by the hash of its encoded bytes; the bytes travel apart and only once."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    media_type: Literal["image/webp", "image/jpeg", "image/png"] = "image/webp"
    width: int
    height: int
