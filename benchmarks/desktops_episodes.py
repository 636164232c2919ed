"""Many episodes through the production pool: how many steps a second, and what is made of desktops that break."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from arpo_engine.contract.actions import Click
from arpo_engine.contract.errors import ArpoError
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.pool import DesktopPool
from benchmarks.desktops_faults import FAULTS, Victim
from benchmarks.desktops_world import REQUEST_TIMEOUT_S, RowHost, World, processes

STEPS = 5
FAULTY_SHARE = 0.05
SURVIVED = "survived"
SEED = 5


@dataclass
class Tally:
    """What became of the episodes."""

    steps: int = 0
    started: int = 0
    readiness_failures: int = 0
    fates: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of the disturbed episodes: by which fault, and the name of the error that ended it, or `SURVIVED`."""
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
    rng, tally = random.Random(SEED), Tally()
    wanted = max(round(count * FAULTY_SHARE), 1)
    places = {
        place: list(FAULTS)[number % len(FAULTS)] for number, place in enumerate(rng.sample(range(count), wanted))
    }

    def disturb(number: int, host: RowHost) -> str:
        name = places.get(number, "")
        if name and host.present is not None:
            FAULTS[name](Victim(host.present, [*processes(host.present)], host.hang_up))
        return name

    await _run(world, tally, count=count, at_once=at_once, disturb=disturb)
    return {
        "injected": tally.fates.total(),
        "by_kind": _by_kind(tally.fates),
        "named": tally.named.total(),
        "names": dict(tally.named),
        "survived": sum(number for (_, fate), number in tally.fates.items() if fate == SURVIVED),
        "runs_ended": sum(tally.unnamed.values()),
    }


def _by_kind(fates: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Each fault, and what became of the episodes that it struck."""
    found: dict[str, dict[str, int]] = {name: {} for name in FAULTS if any(name == kind for kind, _ in fates)}
    for (kind, fate), number in fates.items():
        found[kind][fate] = number
    return found


async def _run(
    world: World, tally: Tally, *, count: int, at_once: int, disturb: Callable[[int, RowHost], str] | None
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
    disturb: Callable[[int, RowHost], str] | None,
    hosts: Mapping[str, Any],
) -> None:
    for number in numbers:
        tally.started += 1
        lease = await pool.lease()
        began, disturbed, fate = False, "", SURVIVED
        try:
            await lease.reset(world.tasks[number % len(world.tasks)])
            began = True
            for step in range(STEPS):
                if disturb is not None and step == 1:
                    disturbed = disturb(number, hosts[lease.name.rpartition("/")[0]])
                await lease.step(Click(x=100 + step, y=100))
                tally.steps += 1
        except ArpoError as error:
            fate = type(error).__name__
            tally.named[fate] += 1
            tally.readiness_failures += not began
        # Whatever else there is would have ended the run, which is what is counted.
        except Exception as error:  # noqa: BLE001
            fate = type(error).__name__
            tally.unnamed[fate] += 1
        finally:
            pool.give_back(lease)
        if disturbed:
            tally.fates[disturbed, fate] += 1
