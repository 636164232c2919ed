"""Many browsers look at one run: how long after an event was sent does each of them have it?

Every viewer is a real WebSocket of a signed-in person. Their end runs in a process of its own, so that reading 500
sockets is not counted as the server's slowness, but it shares the machine's cores.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import requests
import websockets

from benchmarks.console_server import Console

EVENTS = 40
EVERY_S = 0.5
"""Two batches a second, as a reporter sends them."""
PATIENCE_S = 20.0


def live(console: Console, run_id: str, token: str, viewers: int) -> dict[str, Any]:
    """Percentiles over all (viewer, event) pairs, in ms; what did not arrive is counted, not left out."""
    return asyncio.run(_live(console, run_id, token, viewers))


async def _live(console: Console, run_id: str, token: str, viewers: int) -> dict[str, Any]:
    arrivals: list[dict[str, float]] = [{} for _ in range(viewers)]
    pages = [asyncio.create_task(_watch(console, run_id, got)) for got in arrivals]
    await _all_open(pages, arrivals)
    sent: dict[str, float] = {}
    before, began = console.cpu_s(), time.perf_counter()
    for number in range(1, EVENTS + 1):
        name = f"event {number}"
        sent[name] = time.perf_counter()
        await asyncio.to_thread(_send, console, run_id, token, number, name)
        await asyncio.sleep(max(0.0, EVERY_S - (time.perf_counter() - sent[name])))
    until = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < until and any(f"event {EVENTS}" not in got for got in arrivals):
        await asyncio.sleep(0.05)
    spent = time.perf_counter() - began
    cpu_s = console.cpu_s() - before
    for page in pages:
        page.cancel()
    await asyncio.gather(*pages, return_exceptions=True)
    waits = sorted(1000 * (got[name] - sent[name]) for got in arrivals for name in sent if name in got)
    return {
        "viewers": viewers,
        "events": EVENTS,
        "p50_ms": round(waits[len(waits) // 2], 1),
        "p99_ms": round(waits[int(0.99 * (len(waits) - 1))], 1),
        "missing": viewers * EVENTS - len(waits),
        "server_cores": round(cpu_s / spent, 2),
    }


async def _watch(console: Console, run_id: str, got: dict[str, float]) -> None:
    address = f"{console.url.replace('http', 'ws')}/ws/runs/{run_id}/?since=0"
    cookie = "; ".join(f"{name}={value}" for name, value in console.cookies.items())
    headers = {"Cookie": cookie, "Origin": console.url}
    async with websockets.connect(address, additional_headers=headers, open_timeout=120, max_queue=None) as socket:
        got["open"] = time.perf_counter()
        async for text in socket:
            at = time.perf_counter()
            for event in json.loads(text).get("events", ()):
                if event["kind"] == "LogWritten":
                    got.setdefault(event["data"]["message"], at)


async def _all_open(pages: list[asyncio.Task[None]], arrivals: list[dict[str, float]]) -> None:
    while not all("open" in got for got in arrivals):
        ended = [page for page in pages if page.done()]
        if ended:
            raise SystemExit(f"a viewer's socket was not opened: {ended[0].exception()}")
        await asyncio.sleep(0.05)


def _send(console: Console, run_id: str, token: str, seq: int, message: str) -> None:
    from arpo_engine.contract.agreement import HEADER
    from arpo_engine.contract.events import WIRE_VERSION

    event = {"kind": "LogWritten", "level": "info", "logger": "bench", "message": message}
    line = {"v": WIRE_VERSION, "attempt": 1, "seq": seq, "at": _now(), "event": event}
    answer = requests.post(
        f"{console.url}/api/v1/runs/{run_id}/events",
        data=json.dumps(line) + "\n",
        headers={"Authorization": f"Bearer {token}", HEADER: str(WIRE_VERSION), "Content-Type": "application/x-ndjson"},
        timeout=60,
    )
    answer.raise_for_status()


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat()
