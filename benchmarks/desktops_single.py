"""One desktop at a time: how soon it is there, what it takes, how quickly it shows what was done."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

from arpo_engine.contract.actions import Click
from arpo_engine.contract.config.desktops import PocketDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.freshness import AsItCameUp
from arpo_engine.desktops.host import Act, Reset
from arpo_engine.desktops.machines import FreshMachines
from arpo_engine.runtime.local import LocalHost
from benchmarks.desktops_world import REQUEST_TIMEOUT_S, START_TIMEOUT_S, World, megabytes, processes

SHOTS_PER_RUN = 6
FORMS = ("jpeg", "png", "raw")
CALC = ["libreoffice", "--calc", "--nologo", "--norestore"]
CALC_TIMEOUT_S = 90
SETTLED_S = 5.0
CLICKED = Click(x=400, y=400)


def single(world: World, runs: int) -> dict[str, Any]:
    """Medians over `runs` desktops, one after the other."""
    if world.provider is None:
        return asyncio.run(_pocket(world, runs))
    cold = [_cold(world) for _ in range(runs)]
    machines = FreshMachines(world.provider, spares=1, freshness=AsItCameUp(REQUEST_TIMEOUT_S))
    machines.fill(START_TIMEOUT_S)
    warm = [_warm(machines) for _ in range(runs)]
    machines.close()
    figures = [_in_use(world) for _ in range(runs)]
    found: dict[str, Any] = {"cold_start_s": statistics.median(cold), "warm_start_s": statistics.median(warm)}
    for name in ("mb_idle", "mb_calc", "click_to_screenshot_ms"):
        found[name] = _median(one[name] for one in figures)
    found["screenshot_ms"] = {form: _median(one[form] for one in figures) for form in FORMS}
    return found


def _median(values: Iterable[float | None]) -> float | None:
    """None where nothing could be measured."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _cold(world: World) -> float:
    assert world.provider is not None, "asked by the caller"
    began = time.monotonic()
    machine = world.provider.start()
    client = DesktopClient(machine, REQUEST_TIMEOUT_S)
    client.look()
    took = time.monotonic() - began
    client.close()
    machine.close()
    return took


def _warm(machines: FreshMachines) -> float:
    machines.fill(START_TIMEOUT_S)
    began = time.monotonic()
    machine = machines.take()
    client = DesktopClient(machine, REQUEST_TIMEOUT_S)
    client.look()
    took = time.monotonic() - began
    client.close()
    machine.close()
    return took


def _in_use(world: World) -> dict[str, float | None]:
    """A desktop with nothing on it, and then with a spreadsheet."""
    assert world.provider is not None, "asked by the caller"
    machine = world.provider.start()
    client = DesktopClient(machine, CALC_TIMEOUT_S + REQUEST_TIMEOUT_S)
    try:
        time.sleep(SETTLED_S)
        found: dict[str, float | None] = {"mb_idle": megabytes(processes(machine))}
        client._ask("POST", "/setup/launch", {"command": CALC})
        waited = client.post(
            "/execute",
            {
                "command": f"for i in $(seq {CALC_TIMEOUT_S * 4}); do wmctrl -l | grep -q Calc && break; "
                "sleep 0.25; done; wmctrl -l",
                "shell": True,
            },
        )
        if "Calc" not in waited["output"]:
            raise DesktopLost(f"{machine.name} opened no spreadsheet within {CALC_TIMEOUT_S} s; is LibreOffice in it?")
        time.sleep(SETTLED_S)
        found["mb_calc"] = megabytes(processes(machine))
        for form in FORMS:
            found[form] = _ms(lambda form=form: client._ask("GET", f"/screenshot?format={form}"))  # type: ignore[misc]
        found["click_to_screenshot_ms"] = _ms(lambda: _click_and_look(client))
    finally:
        client.close()
        machine.close()
    return found


def _click_and_look(client: DesktopClient) -> None:
    client.act(CLICKED, (1920, 1080))
    client.look()


def _ms(call: Callable[[], object]) -> float:
    call()
    took = []
    for _ in range(SHOTS_PER_RUN):
        began = time.monotonic()
        call()
        took.append((time.monotonic() - began) * 1000)
    return statistics.median(took)


async def _pocket(world: World, runs: int) -> dict[str, Any]:
    """The same where a desktop is a few widgets in a process; a spare is one whose process runs."""
    cold, warm, clicks, memory = [], [], [], []
    task = world.tasks[0]
    for number in range(runs):
        host = LocalHost(f"pocket-{number}", PocketDesktopsConfig(count=1, per_process=1), 1)
        began = time.monotonic()
        await host.restart()
        await host.call(0, Reset(task))
        cold.append(time.monotonic() - began)
        began = time.monotonic()
        await host.call(0, Reset(task))
        warm.append(time.monotonic() - began)
        for _ in range(SHOTS_PER_RUN):
            began = time.monotonic()
            await host.call(0, Act(Click(x=40, y=40)))
            clicks.append((time.monotonic() - began) * 1000)
        memory.append(_process_mb(host))
        await host.close()
    return {
        "cold_start_s": statistics.median(cold),
        "warm_start_s": statistics.median(warm),
        "mb_idle": statistics.median(memory),
        "mb_calc": None,
        "click_to_screenshot_ms": statistics.median(clicks),
    }


def _process_mb(host: LocalHost) -> float:
    import psutil

    return round(psutil.Process(host.pid).memory_full_info().pss / 2**20, 1)
