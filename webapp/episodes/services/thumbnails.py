"""Small pictures of screenshots: at most 15 KB each, made when first asked for and kept beside the screenshot."""

from __future__ import annotations

import io
import secrets
from pathlib import Path
from threading import BoundedSemaphore
from typing import Final

from django.core.files.storage import default_storage
from PIL import Image, UnidentifiedImageError

from webapp.episodes.models import Frame
from webapp.episodes.services.frames import open_frame, thumbnail_name
from webapp.runs.models import Run

MAX_BYTES: Final = 15_000
WIDTH: Final = 320
"""Pixels; twice what the widest list shows, for screens with small pixels."""
QUALITIES: Final = (70, 50, 30)
MOST_PIXELS: Final = 16_000_000
"""A picture that claims to be larger is not decoded: a few bytes may claim to be gigabytes, and each of these takes
seven bytes of memory while it is shrunk. The largest screens have 14.7 million."""
_at_once = BoundedSemaphore(2)
"""Decoding is the only heavy work of the console; more at once would keep pages waiting."""


def open_thumbnail(run: Run, sha256: str) -> tuple[bytes, str] | None:
    """A small picture and its media type; None when the screenshot is not here. A small one is as it is."""
    if not Frame.objects.filter(run=run, sha256=sha256, stored_at__isnull=False).exists():
        return None
    name = thumbnail_name(run.pk, sha256)
    try:
        with default_storage.open(name) as file:
            return file.read(), "image/webp"
    except FileNotFoundError:
        pass
    stored = open_frame(run, sha256)
    if stored is None:
        return None
    with _at_once:
        small = shrink(stored[0])
    if small is None:
        return stored
    _keep(Path(default_storage.path(name)), small)
    return small, "image/webp"


def _keep(path: Path, small: bytes) -> None:
    """Put it in its place whole: nobody reads half of it, and of two requests that made it at once one file is left."""
    own = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        own.write_bytes(small)
        own.replace(path)
    except OSError:  # a full disk: it is made again the next time
        own.unlink(missing_ok=True)


def shrink(data: bytes) -> bytes | None:
    """The picture as WebP of at most 15 KB; None when it is small already, or cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            if picture.width <= WIDTH and len(data) <= MAX_BYTES:
                return None
            picture.draft("RGB", (WIDTH, WIDTH))
            small = picture.convert("RGB")
    except (Image.DecompressionBombError, UnidentifiedImageError, OSError, ValueError):
        return None
    small.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS, reducing_gap=2.0)
    while True:
        for quality in QUALITIES:
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=quality, method=2)
            if buffer.tell() <= MAX_BYTES:
                return buffer.getvalue()
        small = small.resize((max(1, small.width * 2 // 3), max(1, small.height * 2 // 3)), Image.Resampling.BILINEAR)
