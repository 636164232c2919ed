"""Pictures as H.264 video in MP4, one in memory at a time. The only module that knows PyAV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

from PIL import Image

RATE: Final = 5
"""Frames a second: few, and each picture a whole number of them, since some players want a constant rate."""
QUALITIES: Final = (20, 25, 30)
"""Constant rate factors of x264, where more is rougher."""


def write_mp4(
    sheets: Iterator[Image.Image], size: tuple[int, int], durations: Sequence[int], target: Path, rough: int = 0
) -> None:
    """Write pictures of one even size with their durations (milliseconds); `rough` from 0 to 2 saves bytes.

    Raises:
        OSError: the file cannot be written.
    """
    import av  # a hundred megabytes that only who writes a film needs

    try:
        _write(sheets, size, durations, target, QUALITIES[rough])
    except av.FFmpegError as error:
        raise OSError(error.errno, f"the video cannot be written: {error.strerror}") from error


def _write(
    sheets: Iterator[Image.Image], size: tuple[int, int], durations: Sequence[int], target: Path, quality: int
) -> None:
    import av

    options = {"crf": str(quality), "preset": "veryfast", "tune": "stillimage"}
    # The index goes to the front, so that a browser begins to play before it has the whole file.
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, RATE)
        # One core: the worker has others to serve.
        stream.codec_context.thread_count = 1
        at = 0
        for sheet, duration in zip(sheets, durations, strict=True):
            pixels = sheet.convert("RGBA").tobytes()
            frame = av.VideoFrame.from_bytes(pixels, *size).reformat(format="yuv420p")
            for _ in range(max(1, round(duration * RATE / 1000))):
                frame.pts, at = at, at + 1
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
