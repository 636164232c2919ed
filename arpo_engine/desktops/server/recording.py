"""Films of the screen, by ffmpeg."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from .http_server import Refusal, Request, Response, as_json

FILE = Path("/tmp/recording.mp4")
FRAMES_PER_S = 30
END_TIMEOUT_S = 15.0
BEGUN_TIMEOUT_S = 10.0
LOOK_EVERY_S = 0.05


class Recorder:
    """One film at a time."""

    def __init__(self, display: str, size: tuple[int, int]) -> None:
        self._source = ["-video_size", f"{size[0]}x{size[1]}", "-i", display]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, _request: Request) -> Response:
        """POST /start_recording."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                raise Refusal(400, "Recording is already in progress.")
            FILE.unlink(missing_ok=True)
            self._process = subprocess.Popen(
                [
                    *("ffmpeg", "-y", "-loglevel", "error", "-f", "x11grab", "-draw_mouse", "1"),
                    *("-framerate", str(FRAMES_PER_S), *self._source),
                    *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(FILE)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._wait_until_begun(self._process)
        return as_json({"status": "success", "message": "Started recording."})

    def _wait_until_begun(self, process: subprocess.Popen[bytes]) -> None:
        """Before its first frame ffmpeg has no film to end."""
        deadline = time.monotonic() + BEGUN_TIMEOUT_S
        while not (FILE.exists() and FILE.stat().st_size):
            if process.poll() is not None:
                _, errors = process.communicate()
                raise Refusal(500, f"ffmpeg ended at once: {errors.decode('utf-8', 'replace').strip()[-300:]}")
            if time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
                raise Refusal(500, f"ffmpeg wrote nothing within {BEGUN_TIMEOUT_S:g} s")
            time.sleep(LOOK_EVERY_S)

    def end(self, _request: Request) -> Response:
        """POST /end_recording: the film itself."""
        with self._lock:
            process, self._process = self._process, None
            if process is None or process.poll() is not None:
                raise Refusal(400, "No recording in progress to stop.")
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.communicate(timeout=END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            if not FILE.is_file():
                raise Refusal(500, "ffmpeg wrote no film")
            film = FILE.read_bytes()
            FILE.unlink()
        return Response(film, "video/mp4")
