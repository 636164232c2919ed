"""Many episodes through the production pool: how many steps a second, and what is made of desktops that break."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil

from arpo_engine.contract.actions import Click
from arpo_engine.contract.errors import ArpoError
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.pool import DesktopPool
from benchmarks.desktops_world import REQUEST_TIMEOUT_S, RowHost, World, processes

STEPS = 5
FAULTY_SHARE = 0.05
SLOW_S = 3.0
"""Longer than any answer takes, and shorter than what counts as stuck."""
SEED = 5


@dataclass
class Tally:
    """What became of the episodes."""

    steps: int = 0
    started: int = 0
    readiness_failures: int = 0
    survived: int = 0
    """Episodes that were disturbed and went on to their end."""
    named: Counter[str] = field(default_factory=Counter)
    unnamed: Counter[str] = field(default_factory=Counter)
    """Errors that no part of the engine raises on purpose: each would have ended a run."""


async def episodes(world: World, *, count: int, at_once: int) -> dict[str, Any]:
    """So many episodes, so many at once, nothing disturbed."""
    tally = Tally()
    began = time.monotonic()
    await _run(world, tally, count=count, at_once=at_once, disturb=None)
    return {
        "steps_per_s": tally.steps / (time.monotonic() - began),
        "readiness_failures": tally.readiness_failures + sum(tally.unnamed.values()),
        "episodes": tally.started,
    }


async def with_faults(world: World, *, count: int, at_once: int) -> dict[str, Any]:
    """The same, with a fault in one of twenty episodes; every kind at least once where there are enough."""
    rng, injected, tally = random.Random(SEED), Counter[str](), Tally()
    wanted = max(round(count * FAULTY_SHARE), 1)
    places = {
        place: list(FAULTS)[number % len(FAULTS)] for number, place in enumerate(rng.sample(range(count), wanted))
    }

    def disturb(number: int, host: RowHost) -> bool:
        name = places.get(number)
        if name is None or host.present is None:
            return False
        FAULTS[name]([*processes(host.present)])
        injected[name] += 1
        return True

    await _run(world, tally, count=count, at_once=at_once, disturb=disturb)
    return {
        "injected": sum(injected.values()),
        "by_kind": dict(injected),
        "named": sum(tally.named.values()),
        "names": dict(tally.named),
        "survived": tally.survived,
        "runs_ended": sum(tally.unnamed.values()),
    }


async def _run(
    world: World, tally: Tally, *, count: int, at_once: int, disturb: Callable[[int, RowHost], bool] | None
) -> None:
    hosts = await world.hosts(at_once)
    pool = DesktopPool(hosts, reset_timeout_s=120, step_timeout_s=REQUEST_TIMEOUT_S * 4, restarts=5, sink=MemorySink())
    numbers = iter(range(count))
    by_name = {host.name: host for host in hosts}
    try:
        await asyncio.gather(*(_worker(world, pool, numbers, tally, disturb, by_name) for _ in range(at_once)))
    finally:
        await pool.close()


async def _worker(
    world: World,
    pool: DesktopPool,
    numbers: Iterator[int],
    tally: Tally,
    disturb: Callable[[int, RowHost], bool] | None,
    hosts: Mapping[str, Any],
) -> None:
    for number in numbers:
        tally.started += 1
        lease = await pool.lease()
        began = disturbed = False
        try:
            await lease.reset(world.tasks[number % len(world.tasks)])
            began = True
            for step in range(STEPS):
                if disturb is not None and step == 1:
                    disturbed = disturb(number, hosts[lease.name.rpartition("/")[0]])
                await lease.step(Click(x=100 + step, y=100))
                tally.steps += 1
            tally.survived += disturbed
        except ArpoError as error:
            tally.named[type(error).__name__] += 1
            tally.readiness_failures += not began
        # Whatever else there is would have ended the run, which is what is counted.
        except Exception as error:  # noqa: BLE001
            tally.unnamed[type(error).__name__] += 1
        finally:
            pool.give_back(lease)


def _of(found: list[psutil.Process], name: str) -> list[psutil.Process]:
    """The processes of a desktop that run a program."""
    wanted = []
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(name in word for word in process.cmdline()[:4]):
                wanted.append(process)
    return wanted


def _killed(found: list[psutil.Process]) -> None:
    found[0].kill()


def _frozen(found: list[psutil.Process]) -> None:
    for process in _of(found, "Xvfb"):
        process.send_signal(signal.SIGSTOP)


def _without_display(found: list[psutil.Process]) -> None:
    """The server goes on, and answers everything with an inner error."""
    for process in _of(found, "Xvfb"):
        process.kill()


def _slow(found: list[psutil.Process]) -> None:
    servers = _of(found, "arpo_desktop")
    for process in servers:
        process.send_signal(signal.SIGSTOP)

    def go_on() -> None:
        for process in servers:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)

    asyncio.get_running_loop().call_later(SLOW_S, go_on)


FAULTS: Mapping[str, Callable[[list[psutil.Process]], None]] = {
    "killed": _killed,
    "frozen_display": _frozen,
    "server_errors": _without_display,
    "slow": _slow,
}
