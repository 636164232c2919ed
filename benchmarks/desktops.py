"""How fast are desktops, how many fit, and what happens to those that break?

Measured, for each kind that this machine can have: `cold_start_s` from nothing to a first screenshot; `warm_start_s`
the same with a spare that stands ready; memory idle and with a spreadsheet open (proportional set size of all its
processes, so what desktops share is counted once); `screenshot_ms` at the client, 1920 x 1080 with that spreadsheet on
it; `click_to_screenshot_ms` a click and the picture after it, without the fixed pause; then episodes of a few steps
through the production pool, several desktops at once, with `steps_per_s` of the whole and `readiness_failures`. Last,
`leaked`: desktops that are left after a kill -9 of the pool's process, of the run, and (with `--engine`) of the Docker
engine; and `faults`: the same episodes while desktops are killed, frozen, robbed of their display, filled to the last
byte and put behind a slow network.

What would make it unfair: a machine that is busy with something else (the load at the start is in the line of JSON), an
image that is not on its disk's cache yet (one start warms up and is not counted), fewer episodes than 200, and the
memory of `xvfb` homes, which lie in memory and count only where a process has them mapped. OSWorld's own image is not
measured, as it is not here.

`python -m benchmarks.desktops [--kinds docker xvfb pocket] [--episodes 200] [--at-once 6] [--engine PIDFILE COMMAND]`
`[--quick] [--json]`
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arpo_engine.contract.errors import DesktopLost
from benchmarks.common import header, print_json, print_table
from benchmarks.desktops_episodes import episodes, with_faults
from benchmarks.desktops_leaks import leaks
from benchmarks.desktops_single import single
from benchmarks.desktops_world import KINDS, World

QUICK = {"runs": 1, "episodes": 4, "at_once": 2}


def measure(
    found: dict[str, Any], world: World, *, runs: int, count: int, at_once: int, engine: tuple[str, str] | None
) -> None:
    """Every figure of one kind, put into `found` as it comes: what breaks in the end takes none of them with it."""
    found |= single(world, runs)
    found |= asyncio.run(episodes(world, count=count, at_once=at_once))
    if world.provider is not None:
        found["faults"] = asyncio.run(with_faults(world, count=count, at_once=at_once))
        found["leaked_by"] = leaks(world, engine)
        found["leaked"] = sum(number for number in found["leaked_by"].values() if number is not None)


def table(figures: dict[str, dict[str, Any]]) -> list[list[str]]:
    """A row for each figure, a column for each kind."""
    names = list(dict.fromkeys(name for found in figures.values() for name in found))
    rows = [["", *figures]]
    for name in names:
        rows.append([name, *(_cell(found.get(name)) for found in figures.values())])
    return rows


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(one)}" for name, one in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main(argv: list[str]) -> int:
    """Measure what can be had here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--runs", type=int, default=5, help="of which medians are taken")
    parser.add_argument(
        "--engine", nargs=2, metavar=("PIDFILE", "COMMAND"), help="kill this Docker engine, and start it again so"
    )
    parser.add_argument("--quick", action="store_true", help="a test of the benchmark itself, never a figure")
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    chosen = parser.parse_args(argv)
    if chosen.quick:
        chosen.runs, chosen.episodes, chosen.at_once = QUICK["runs"], QUICK["episodes"], QUICK["at_once"]
    said = header()
    figures: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    engine = tuple(chosen.engine) if chosen.engine else None
    for kind in chosen.kinds:
        try:
            world = World.of(kind)
            found = figures.setdefault(kind, {})
            measure(found, world, runs=chosen.runs, count=chosen.episodes, at_once=chosen.at_once, engine=engine)
        except DesktopLost as error:
            skipped[kind] = str(error)
    if not chosen.json:
        print_table(table(figures))
        for kind, reason in skipped.items():
            print(f"{kind}: {reason}")
    runs = {"runs": chosen.runs, "episodes": chosen.episodes, "at_once": chosen.at_once, "quick": chosen.quick}
    print_json({**said, **runs, **figures, "skipped": skipped})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
