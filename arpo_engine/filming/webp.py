"""Pictures as an animated WebP, one in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from PIL import Image

QUALITIES: Final = (82, 70, 55)
METHOD: Final = 4
"""Of libwebp, 0 to 6: more takes much longer and saves little."""


class _Reels(Image.Image):
    """Looks to Pillow's writer like a picture of many frames, each of which is drawn when it is asked for."""

    def __init__(self, sheets: Iterator[Image.Image], size: tuple[int, int], count: int) -> None:
        super().__init__()
        self._sheets, self._mode, self._size = sheets, "RGB", size
        self.im = Image.new("RGB", size).im
        self.n_frames = count
        self._at = -1

    def seek(self, frame: int) -> None:
        """Go on to the next frame; Pillow asks for each in order, and for the first again at the end."""
        if frame == self._at + 1 and frame < self.n_frames:
            self.im, self._at = next(self._sheets).im, frame

    def tell(self) -> int:
        """The frame that is looked at."""
        return max(0, self._at)


def write_webp(
    sheets: Iterator[Image.Image], size: tuple[int, int], durations: Sequence[int], target: Path, rough: int = 0
) -> None:
    """Write pictures of one size with their durations (milliseconds); `rough` from 0 to 2 saves bytes.

    Raises:
        OSError: the file cannot be written.
    """
    # Without key frames: nobody seeks in a picture, and each costs as much as a whole one.
    _Reels(sheets, size, len(durations)).save(
        target, "WEBP", save_all=True, duration=list(durations), loop=0, quality=QUALITIES[rough], method=METHOD,
        kmin=0, kmax=0,
    )  # fmt: skip
