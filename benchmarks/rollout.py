"""How much faster are rollouts that do not wait for each other?

Measured: trajectories learnt from a second, in the three modes of `rollout.mode`, with the production loop, scheduler,
pool, agent and event spool round simulated desktops, a simulated generator and a learner that takes 104 s for 128
trajectories. The latency model is synthetic (20 s resets of which 3 % take 90 to 180 s, replies of 3 s, actions of 2 s
of which 2 % stall for 15 to 60 s, 45 % of the episodes go through all 15 turns); another one comes with `--trace`. A
step is as many trajectories as there are desktops. Every mode gets the same episodes. The wall clock is scaled, so that
an hour takes minutes; what the engine itself costs is scaled up with it, which favours no mode that acts more often.

`speedup` and everything beside it are of whole loops, the learner among them; `rollouts_alone` is measured with a
learner that takes no time, as figures that are published for rollouts alone are. `staleness` is in steps: whole groups
that lay ready beyond those of a step; `version_lag` is the age of a token in updates. What would make it unfair: other
episodes, another batching or another pool for one of the modes, a first step that begins with cold desktops, a time
scale at which the engine is the bottleneck; `overhead_ms_per_action` is all processor time.

`python -m benchmarks.rollout [--trace FILE] [--scale 20] [--seeds 3] [--quick] [--json]`
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arpo_engine.models.policy import Policy
from benchmarks.common import header, print_json, print_table
from benchmarks.rollout_runs import Case, run
from benchmarks.rollout_world import LEARN_S_PER_TRAJECTORY, Latencies

MODES = ("lockstep", "barrier", "stream")
SIZES = (16, 64, 128)
STEPS = {"lockstep": (1, 2), "barrier": (1, 4), "stream": (3, 6)}
"""Steps that warm up, and steps that are measured, by mode: a stream has to fill before it flows."""
SCALE = 20.0


def cases(sizes: tuple[int, ...], seeds: int, scale: float, steps: dict[str, tuple[int, int]]) -> Iterator[Case]:
    """The largest size with every seed, what stands beside it with the first; the modes in turn, as loads change."""
    largest = Case(mode="", desktops=max(sizes), seed=0, scale=scale)
    wanted = [replace(largest, seed=seed) for seed in range(seeds)]
    wanted += [replace(largest, learns=False), replace(largest, saturating=True)]
    wanted += [replace(largest, desktops=size) for size in sizes if size != largest.desktops]
    for case in wanted:
        yield from (replace(case, mode=mode, steps=steps[mode]) for mode in MODES)


def measure(
    latencies: Latencies, *, scale: float, seeds: int, sizes: tuple[int, ...], steps: dict[str, tuple[int, int]]
) -> dict[str, Any]:
    """Every mode at every size; at the largest also with a saturating generator, and without the learner."""
    chat, service = Policy.load("builtin:pocket").chat, latencies.expected()
    runs: list[tuple[Case, dict[str, float]]] = []
    for case in cases(sizes, seeds, scale, steps):
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory(prefix="arpo-rollout-") as folder:
            found = asyncio.run(run(case, latencies, chat, Path(folder)))
        runs.append((case, {**found, "load": load}))
        print(f"{describe(case)}: {found['episodes_per_s']:.3f} episodes/s, load {load:.1f}", file=sys.stderr)

    def of(size: int, *, saturating: bool = False, learns: bool = True) -> dict[str, Any]:
        wanted = (size, saturating, learns)
        chosen = [(case, found) for case, found in runs if (case.desktops, case.saturating, case.learns) == wanted]
        return summary(chosen, size, service[0], learns=learns)

    by_size = {str(size): of(size) for size in sizes}
    return {
        **by_size[str(max(sizes))],
        "by_size": by_size,
        "saturating": of(max(sizes), saturating=True),
        "rollouts_alone": of(max(sizes), learns=False),
        "desktops": max(sizes),
        "time_scale": scale,
        "learner_s_per_128": 128 * LEARN_S_PER_TRAJECTORY,
        "mean_service_s": service[0],
        "trace": latencies.trace is not None,
        "runs": [{**asdict(case), **found} for case, found in runs],
    }


def describe(case: Case) -> str:
    """One run in words."""
    more = f"{', saturating' if case.saturating else ''}{'' if case.learns else ', without a learner'}"
    return f"{case.mode}, {case.desktops} desktops{more}, seed {case.seed}"


def summary(
    runs: list[tuple[Case, dict[str, float]]], desktops: int, service_s: float, *, learns: bool = True
) -> dict[str, Any]:
    """Medians of one size, and the modes beside each other."""

    def median(mode: str, key: str) -> float:
        return statistics.median(found[key] for case, found in runs if case.mode == mode)

    def of_modes(key: str) -> dict[str, float]:
        return {mode: median(mode, key) for mode in MODES}

    rate, bound = of_modes("episodes_per_s"), desktops / service_s
    slower = min(bound, 1 / LEARN_S_PER_TRAJECTORY) if learns else bound
    return {
        "episodes_per_s": rate,
        "speedup": {mode: rate[mode] / rate["lockstep"] for mode in MODES[1:]},
        "utilisation": of_modes("utilisation"),
        "bound_episodes_per_s": bound,
        "bound_fraction": {mode: rate[mode] / bound for mode in MODES},
        "bound_with_learner_episodes_per_s": slower,
        "bound_with_learner_fraction": {mode: rate[mode] / slower for mode in MODES},
        "trainer_idle": median("stream", "trainer_idle"),
        "trainer_idle_by_mode": of_modes("trainer_idle"),
        "staleness": median("stream", "staleness"),
        "version_lag": {"mean": median("stream", "version_lag"), "most": median("stream", "version_lag_max")},
        "too_old_per_step": median("stream", "too_old"),
        "overhead_ms_per_action": median("stream", "cpu_ms_per_action"),
        "late_ms_per_wait": median("stream", "late_ms_per_wait"),
        "collect_s": of_modes("collect_s"),
    }


def show(figures: dict[str, Any]) -> None:
    """The table for people."""
    rows = [["desktops", "mode", "episodes/s", "speed-up", "desktops used", "trainer idle"]]
    cases = [(size, found) for size, found in figures["by_size"].items()]
    cases.append((f"{figures['desktops']}, saturating", figures["saturating"]))
    cases.append((f"{figures['desktops']}, no learner", figures["rollouts_alone"]))
    for size, found in cases:
        for mode in MODES:
            rows.append(
                [
                    size,
                    mode,
                    f"{found['episodes_per_s'][mode]:.3f}",
                    f"{found['speedup'].get(mode, 1.0):.2f}x",
                    f"{found['utilisation'][mode]:.0%}",
                    f"{found['trainer_idle_by_mode'][mode]:.0%}",
                ]
            )
    print_table(rows)
    machine = figures["machine"]
    print(
        f"\n{figures['desktops']} desktops, stream: {figures['bound_fraction']['stream']:.0%} of the bound "
        f"({figures['desktops']} desktops / {figures['mean_service_s']:.0f} s of service = "
        f"{figures['bound_episodes_per_s']:.2f} episodes/s), staleness {figures['staleness']:.2f} of a step, tokens "
        f"{figures['version_lag']['mean']:.2f} updates old (most {figures['version_lag']['most']:.0f}), overhead "
        f"{figures['overhead_ms_per_action']:.2f} ms an action\n1 s of the wall clock is {figures['time_scale']:g} s; "
        f"load {machine['load_at_start'][0]:.1f} on {machine['cores']} cores at the start, "
        f"{figures['load_at_end']:.1f} at the end"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--trace", type=Path, help="JSON file with the lists reset_s, step_s, generate_s, episode_steps"
    )
    parser.add_argument("--scale", type=float, default=SCALE, help="simulated seconds in one of the wall clock")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each mode at the largest size")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="desktops; multiples of 8")
    parser.add_argument("--quick", action="store_true", help="a smoke test of the benchmark; never a figure")
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    arguments = parser.parse_args()
    latencies = Latencies.read(arguments.trace) if arguments.trace else Latencies()
    scale, seeds, sizes, steps = arguments.scale, arguments.seeds, tuple(arguments.sizes), STEPS
    if arguments.quick:
        scale, seeds, sizes, steps = 400.0, 1, (16,), dict.fromkeys(MODES, (1, 1))
    figures = {
        **header(),
        **measure(latencies, scale=scale, seeds=seeds, sizes=sizes, steps=steps),
        "quick": arguments.quick,
        "load_at_end": round(os.getloadavg()[0], 2),
    }
    if not arguments.json:
        show(figures)
    print_json(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
