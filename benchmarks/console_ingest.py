"""How fast a console takes what engines send, over HTTP and through its real door: numbers and screenshots.

Clients are as many as there are cores, each with a run of its own, since one engine never sends at full speed. What the
training itself pays is `client_us_per_metric`: the time that `emit` keeps the caller, spool and thread included.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from benchmarks.console_server import Console

METRICS_A_STEP = 20
STEPS_A_BATCH = 250
SCREEN = (1280, 720)


def ingest(console: Console, engines: list[tuple[str, str]], batches: int) -> dict[str, float]:
    """Numbers a second that are stored when the answer comes, buckets included; server CPU for each."""
    bodies = [_numbers(batch) for batch in range(batches)]
    before, began = console.cpu_s(), time.perf_counter()
    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(lambda engine: _send(console, engine, bodies), engines))
    wall, count = time.perf_counter() - began, len(engines) * batches * STEPS_A_BATCH * METRICS_A_STEP
    return {
        "metrics_per_s": round(count / wall),
        "server_cpu_us_per_metric": round(1e6 * (console.cpu_s() - before) / count, 2),
        "client_us_per_metric": round(client_cost_us(), 3),
    }


def client_cost_us(steps: int = 5000) -> float:
    """Microseconds for which logging one number keeps the training waiting, in calls of 20; median of five rounds."""
    from arpo_engine.contract import events as wire
    from arpo_engine.contract.config.parts import FramesConfig
    from arpo_engine.contract.reporting import RunRecorder

    rounds = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as place:
            recorder = RunRecorder(Path(place), 1, frames=FramesConfig())
            began = time.perf_counter()
            for step in range(steps):
                recorder.emit(wire.MetricsLogged(step=step, values=_values(step)))
            rounds.append(1e6 * (time.perf_counter() - began) / (steps * METRICS_A_STEP))
            recorder.close()
    return statistics.median(rounds)


def _numbers(batch: int) -> list[str]:
    steps = range(batch * STEPS_A_BATCH + 1, (batch + 1) * STEPS_A_BATCH + 1)
    return [_line(step, {"kind": "MetricsLogged", "step": step, "values": _values(step)}) for step in steps]


def _send(console: Console, engine: tuple[str, str], bodies: list[list[str]]) -> None:
    run_id, token = engine
    session = _session(token)
    for lines in bodies:
        _post(session, console, run_id, lines)


def frames(console: Console, engine: tuple[str, str], count: int) -> dict[str, float]:
    """Screenshots a second: each a picture of its own, named by an event and then sent with others."""
    run_id, token = engine
    pictures = {hashlib.sha256(data).hexdigest(): data for data in _pictures(count)}
    _send(console, engine, [_episode(pictures)])
    before, began = console.cpu_s(), time.perf_counter()
    items = list(pictures.items())
    shares = [items[part :: os.cpu_count() or 2] for part in range(os.cpu_count() or 2)]
    with ThreadPoolExecutor(len(shares)) as pool:
        list(pool.map(lambda share: _send_frames(console, run_id, token, share), shares))
    wall = time.perf_counter() - began
    return {
        "frames_per_s": round(len(items) / wall, 1),
        "server_cpu_ms_per_frame": round(1000 * (console.cpu_s() - before) / len(items), 2),
        "kb_per_frame": round(sum(map(len, pictures.values())) / len(items) / 1000, 1),
    }


def _send_frames(console: Console, run_id: str, token: str, items: list[tuple[str, bytes]]) -> None:
    """Several in a request, as the reporter does."""
    from arpo_engine.contract.framepack import MEDIA_TYPE, pack
    from arpo_engine.contract.reporting.reporter import PACK_FRAMES

    session = _session(token)
    session.headers["Content-Type"] = MEDIA_TYPE
    for place in range(0, len(items), PACK_FRAMES):
        body = pack(data for _, data in items[place : place + PACK_FRAMES])
        answer = session.post(f"{console.url}/api/v1/runs/{run_id}/frames", data=body, timeout=60)
        answer.raise_for_status()
        assert not answer.json()["refused"], answer.text


def _pictures(count: int) -> list[bytes]:
    from PIL import Image, ImageDraw

    pictures = []
    for number in range(count):
        picture = Image.new("RGB", SCREEN, (245, 246, 248))
        draw = ImageDraw.Draw(picture)
        for row in range(40):
            draw.text(
                (20, 20 + 17 * row), f"{number} {row} " + hashlib.sha256(bytes([row, number % 256])).hexdigest(), 0
            )
        held = io.BytesIO()
        picture.save(held, "JPEG", quality=80)
        pictures.append(held.getvalue())
    return pictures


def _episode(pictures: dict[str, bytes]) -> list[str]:
    start = {"kind": "EpisodeStarted", "episode_id": "e", "task_id": "t", "instruction": "i", "split": "train"}
    lines = [_line(1, {**start, "step": 1, "desktop": "d"})]
    for index, sha256 in enumerate(pictures):
        frame = {"sha256": sha256, "media_type": "image/jpeg", "width": SCREEN[0], "height": SCREEN[1]}
        lines.append(_line(index + 2, {"kind": "EpisodeStepTaken", "episode_id": "e", "index": index, "frame": frame}))
    return lines


def _values(step: int) -> dict[str, float]:
    return {f"bench/{number:02}": step * 0.001 + number for number in range(METRICS_A_STEP)}


def _line(seq: int, event: dict[str, Any]) -> str:
    return json.dumps({"v": 1, "attempt": 1, "seq": seq, "at": datetime.now(UTC).isoformat(), "event": event})


def _session(token: str) -> requests.Session:
    from arpo_engine.contract.agreement import HEADER
    from arpo_engine.contract.events import WIRE_VERSION

    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {token}", HEADER: str(WIRE_VERSION)})
    return session


def _post(session: requests.Session, console: Console, run_id: str, lines: list[str]) -> None:
    answer = session.post(f"{console.url}/api/v1/runs/{run_id}/events", data="\n".join(lines) + "\n", timeout=120)
    answer.raise_for_status()
