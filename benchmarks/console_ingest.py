"""Numbers and screenshots over HTTP into a console: how many a second, and what they cost each side.

Talks to a server that is there, with the engine's own client and an attempt's token; the benchmark of the console
starts one. Batches are like the reporter's: whole steps, one a line, packed.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.events import Envelope, EpisodeStarted, EpisodeStepTaken, FrameRef, MetricsLogged
from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.reporting.console import ConsoleClient
from arpo_engine.contract.reporting.recorder import RunRecorder
from arpo_engine.contract.reporting.reporter import PACK_FRAMES

KEYS: Final = 20
STEPS_A_BATCH: Final = 500
BATCHES: Final = 20
FRAMES: Final = 600
FRAME_BYTES: Final = 30_000
"""Like a screenshot of 1280x720 at the usual quality; pocket desktops have a sixth of it."""
Cpu = Callable[[], float]
"""Seconds that the server's processes, its database among them, have computed."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where one attempt may ship to."""

    url: str
    run_id: str
    token: str

    def client(self) -> ConsoleClient:
        """A connection of its own."""
        return ConsoleClient.for_run(self.url, self.run_id, self.token)


def measure_ingest(doors: Sequence[Door], server_cpu: Cpu, batches: int = BATCHES) -> dict[str, Any]:
    """Ship so many batches through each door at once; numbers a second by the clock, and server CPU for each."""
    bodies = [_numbers(place) for place in range(batches)]
    for door in doors:
        door.client().post_events(_line(1, MetricsLogged(step=0, values={"warm/up": 0.0})))
    began, cpu = time.perf_counter(), server_cpu()
    with ThreadPoolExecutor(len(doors)) as pool:
        list(pool.map(lambda door: _ship(door, bodies), doors))
    wall, spent = time.perf_counter() - began, server_cpu() - cpu
    metrics = len(doors) * batches * STEPS_A_BATCH * KEYS
    return {
        "metrics_per_s": round(metrics / wall),
        "server_cpu_us_per_metric": round(spent / metrics * 1e6, 2),
        "metrics": metrics,
    }


def measure_frames(doors: Sequence[Door], server_cpu: Cpu, frames: int = FRAMES) -> dict[str, Any]:
    """Upload so many screenshots through each door at once, several in a request as the reporter does."""
    chance = random.Random(5)
    pictures = [b"RIFF\0\0\0\0WEBP" + chance.randbytes(FRAME_BYTES) for _ in range(frames)]
    named = {hashlib.sha256(data).hexdigest(): data for data in pictures}
    for door in doors:
        _name_frames(door, list(named))
    began, cpu = time.perf_counter(), server_cpu()
    with ThreadPoolExecutor(len(doors)) as pool:
        list(pool.map(lambda door: _upload(door, named), doors))
    wall, spent = time.perf_counter() - began, server_cpu() - cpu
    total = len(doors) * frames
    return {"frames_per_s": round(total / wall, 1), "server_cpu_ms_per_frame": round(spent / total * 1000, 3)}


def measure_client(events: int = 5000) -> dict[str, Any]:
    """What logging costs the engine: the training thread by the clock and CPU, and all threads together by CPU."""
    values = {f"train/number_{place}": place / 7 for place in range(KEYS)}
    with tempfile.TemporaryDirectory() as place:
        recorder = RunRecorder(Path(place), 1, frames=FramesConfig())
        took = []
        everything, own = time.process_time(), time.thread_time()
        for step in range(events):
            began = time.perf_counter()
            recorder.emit(MetricsLogged(step=step, values=values))
            took.append(time.perf_counter() - began)
        own = time.thread_time() - own
        recorder.close()
        everything = time.process_time() - everything
    metrics = events * KEYS
    return {
        "client_us_per_metric": round(own / metrics * 1e6, 3),
        "client_all_threads_us_per_metric": round(everything / metrics * 1e6, 3),
        "emit_p99_us": round(sorted(took)[int(events * 0.99)] * 1e6, 1),
    }


def _numbers(batch: int) -> bytes:
    chance = random.Random(batch)
    first = batch * STEPS_A_BATCH
    return b"".join(
        _line(
            2 + step,
            MetricsLogged(step=step + 1, values={f"train/number_{key}": chance.random() for key in range(KEYS)}),
        )
        for step in range(first, first + STEPS_A_BATCH)
    )


def _line(seq: int, event: Any) -> bytes:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seq)
    return Envelope(attempt=1, seq=seq, at=at, event=event).model_dump_json().encode() + b"\n"


def _ship(door: Door, bodies: Sequence[bytes]) -> None:
    client = door.client()
    for body in bodies:
        client.post_events(body)
    client.close()


def _name_frames(door: Door, hashes: Sequence[str]) -> None:
    """Frames are only taken when an event has named them."""
    client = door.client()
    last = client.post_events(b"").last_seq
    begun = EpisodeStarted(
        episode_id="bench", task_id="bench", instruction="bench", split=Split.TRAIN, step=1, desktop="bench-0"
    )
    steps = [
        EpisodeStepTaken(episode_id="bench", index=index, frame=FrameRef(sha256=name, width=1280, height=720))
        for index, name in enumerate(hashes)
    ]
    lines = [_line(seq, event) for seq, event in enumerate([begun, *steps], start=last + 1)]
    client.post_events(b"".join(lines))
    client.close()


def _upload(door: Door, named: dict[str, bytes]) -> None:
    client = door.client()
    pictures = list(named.values())
    for place in range(0, len(pictures), PACK_FRAMES):
        answer = client.post_frames(pictures[place : place + PACK_FRAMES])
        assert not answer.refused, answer.refused
    client.close()
