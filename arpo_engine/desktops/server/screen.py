"""Pictures of the screen with the pointer drawn, from the X server's own memory. Safe under concurrent calls."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass

import mss
from PIL import Image

PNG_LEVEL = 1
"""zlib's fastest: a level-6 picture takes three times as long and is hardly smaller for a screen."""


@dataclass(frozen=True)
class Picture:
    """A picture of the screen as it was grabbed: four bytes a pixel, blue first."""

    size: tuple[int, int]
    bgrx: bytes

    def rgb(self) -> bytes:
        """Three bytes a pixel, row by row."""
        return self._image().tobytes()

    def png(self) -> bytes:
        """Lossless."""
        return self._written("PNG", compress_level=PNG_LEVEL)

    def jpeg(self, quality: int) -> bytes:
        """With losses, and a third of the time."""
        return self._written("JPEG", quality=quality)

    def _image(self) -> Image.Image:
        return Image.frombytes("RGB", self.size, self.bgrx, "raw", "BGRX")

    def _written(self, form: str, **settings: int) -> bytes:
        written = io.BytesIO()
        self._image().save(written, form, **settings)
        return written.getvalue()


class Screen:
    """Grabs; one at a time, as all grabs share a connection, while encoding goes on side by side."""

    def __init__(self, display: str) -> None:
        self._lock = threading.Lock()
        self._grabber = mss.MSS(display=display, with_cursor=True)
        whole = self._grabber.monitors[0]
        self.size = (int(whole["width"]), int(whole["height"]))

    def grab(self) -> Picture:
        """The screen now."""
        with self._lock:
            shot = self._grabber.grab(self._grabber.monitors[0])
        return Picture(size=(shot.width, shot.height), bgrx=bytes(shot.raw))
