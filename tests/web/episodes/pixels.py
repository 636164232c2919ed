"""Pictures that do not compress well, as a test of sizes needs them."""

from __future__ import annotations

import io
import random

from PIL import Image


def noise(width: int, height: int, kind: str, seed: int = 0) -> bytes:
    """A picture of seeded noise."""
    data = random.Random(seed).randbytes(width * height * 3)
    buffer = io.BytesIO()
    Image.frombytes("RGB", (width, height), data).save(buffer, kind)
    return buffer.getvalue()
