"""What it costs to tell the console what 128 desktops are at: CPU and bytes of each event, when every desktop changed.

The worst case: each desktop is at another step each time that is looked. `./arpo bench fleet`.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.events import DesktopsSeen, Envelope
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.contract.tasks import Evaluator, Task
from arpo_engine.desktops.host import Answer, Request
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.desktops.watch import PoolWatch
from arpo_engine.types import Observation
from benchmarks.common import header, print_json, print_table
from benchmarks.rollout_world import SCREEN

PER_PROCESS = 64
COUNTS = (16, 64, 128)


class StillDesktops:
    """Implements `DesktopHost`: answers at once and does nothing."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size, self.machine = name, size, "bench"

    async def call(self, index: int, request: Request) -> Answer:
        """The same picture, whatever is asked."""
        return Observation(pixels=SCREEN)

    async def restart(self) -> None:
        """Nothing breaks here."""

    async def close(self) -> None:
        """Nothing is held."""


async def measure(count: int, looks: int) -> dict[str, Any]:
    """CPU and bytes per event with so many desktops."""
    sink = MemorySink()
    sizes = [min(PER_PROCESS, count - first) for first in range(0, count, PER_PROCESS)]
    hosts = [StillDesktops(f"bench-{number}", size) for number, size in enumerate(sizes)]
    pool = DesktopPool(hosts, reset_timeout_s=30, step_timeout_s=30, restarts=0, sink=sink)
    watch = PoolWatch(pool, sink, every_s=0.0)
    watch.look()
    leases = [await pool.lease() for _ in range(count)]
    for number, lease in enumerate(leases):
        await lease.reset(Task(id=f"os-task-{number:04}", instruction="Do it", evaluator=Evaluator(func="exact")))
        lease.hold_for(600.0)
    looking = writing = 0.0
    size = 0
    for step in range(looks):
        for number, lease in enumerate(leases):
            lease.at(f"a1-s{step}-g{number}-r0", step)
        began = time.process_time()
        watch.look()
        looking += time.process_time() - began
        event = sink.events[-1]
        assert isinstance(event, DesktopsSeen) and len(event.desktops) == count
        began = time.process_time()
        line = Envelope(attempt=1, seq=1, at=datetime.now(UTC), event=event).model_dump_json()
        writing += time.process_time() - began
        size += len(line)
    every_s = RunConfig(title="defaults").records.desktops_every_s
    per_event_s = (looking + writing) / looks
    return {
        "desktops": count,
        "events_per_s": 1 / every_s,
        "look_ms": 1000 * looking / looks,
        "write_ms": 1000 * writing / looks,
        "cpu_percent": 100 * per_event_s / every_s,
        "kb_per_event": size / looks / 1000,
        "mb_per_hour": size / looks / every_s * 3600 / 1e6,
    }


def main() -> None:
    """Measure each number of desktops, print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only prove that it runs")
    looks = 3 if parser.parse_args().quick else 200
    rows = [asyncio.run(measure(count, looks)) for count in COUNTS]
    names = list(rows[0])
    print_table([names, *([f"{row[name]:.3g}" for name in names] for row in rows)])
    print_json({"fleet": rows, **header()})


if __name__ == "__main__":
    main()
