"""How much faster are rollouts that do not wait for each other?

Measured: trajectories learnt from a second, in the three modes of `rollout.mode`, with the production loop, scheduler,
pool, agent and event spool round simulated desktops, a simulated generator and a learner that takes 104 s for 128
trajectories. The latency model is synthetic (20 s resets of which 3 % take 90 to 180 s, replies of 3 s, actions of 2 s
of which 2 % stall for 15 to 60 s, 45 % of the episodes go through all 15 turns); another one comes with `--trace`. A
step is as many trajectories as there are desktops. Every mode gets the same episodes. The wall clock is scaled, so that
an hour takes minutes; what the engine itself costs is scaled up with it, which favours no mode that acts more often.

`speedup` compares whole loops, the learner among them; `rollout_speedup` leaves the learner out, as figures that are
published for rollouts alone do. What would make it unfair: other episodes, another batching or another pool for one of
the modes, a first step that begins with cold desktops, a time scale at which the engine is the bottleneck.

`python -m benchmarks.rollout [--trace FILE] [--scale 20] [--seeds 3] [--quick] [--json]`
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arpo_engine.agents.ui_tars import UiTarsAgent
from arpo_engine.algorithms.grpo import Grpo
from arpo_engine.contract.config import RunConfig, parse_config
from arpo_engine.contract.events import MetricsLogged, Provenance
from arpo_engine.contract.reporting import RunRecorder
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.evaluation.evaluator import Evaluator
from arpo_engine.models.policy import Policy
from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.pace import Lockstep
from arpo_engine.rollout.plans import Planner
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.runtime.training import collector_of
from arpo_engine.trainer.checkpoint import CheckpointStore, Saved
from arpo_engine.trainer.collecting import Sources
from arpo_engine.trainer.guard import Guard
from arpo_engine.trainer.learner import Learner
from arpo_engine.trainer.loop import train
from arpo_engine.trainer.parts import Parts, Progress
from arpo_engine.trainer.stop import StopSwitch
from arpo_engine.trainer.task_order import TaskOrder
from benchmarks.common import header, print_json, print_table
from benchmarks.rollout_world import (
    LEARN_S_PER_TRAJECTORY,
    Clock,
    Latencies,
    SimulatedDesktops,
    SimulatedGenerator,
    SimulatedLearner,
    tasks,
)

MODES = ("lockstep", "barrier", "stream")
SIZES = (16, 64, 128)
GROUP = 8
STEPS = {"lockstep": (1, 2), "barrier": (1, 4), "stream": (3, 6)}
"""Steps that warm up, and steps that are measured, by mode: a stream has to fill before it flows."""
SATURATED_SHARE = 4
"""A saturating generator answers so many desktops' share at a time: one in four."""
FOREVER = 10_000
SCALE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run."""

    mode: str
    desktops: int
    seed: int
    scale: float
    saturating: bool = False
    steps: tuple[int, int] = (0, 1)


@dataclass(slots=True)
class Simulated:
    """A policy and a checkpoint store without weights, where the loop wants one."""

    chat: Any

    def weights(self) -> dict[str, object]:
        """None."""
        return {}

    def save(self, folder: Path) -> None:
        """Nothing to write."""


class NoCheckpoints(CheckpointStore):
    """Saves nothing: checkpoints are not what is measured."""

    def save(self, step: int, **parts: Any) -> Saved:
        """Only the step."""
        return Saved(step=step, path=self.folder / "none", bytes=0)

    def mark_best(self, step: int, success: float) -> None:
        """Nothing is kept."""


class Listener(RunRecorder):
    """The production spool, which also remembers the numbers of each step."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        super().__init__(folder, 1, frames=config.frames)
        self.values: list[dict[str, float | None]] = []

    def emit(self, event: Any) -> None:
        """Into the spool."""
        if isinstance(event, MetricsLogged):
            self.values.append(dict(event.values))
        super().emit(event)


def config_of(case: Case, latencies: Latencies) -> RunConfig:
    """The run's settings: everything that takes time besides rollouts and learning is off."""
    longest = latencies.longest
    return parse_config(
        {
            "seed": case.seed,
            "rollout": {
                "mode": case.mode, "tasks_per_step": case.desktops // GROUP, "group_size": GROUP, "max_steps": longest,
                "episode_timeout_s": 1e6,
            },
            "desktops": {"count": case.desktops, "reset_timeout_s": 1e6, "step_timeout_s": 1e6},
            "agent": {"max_images": longest, "prompt": "short"},
            "algorithm": {"kind": "grpo", "minibatches": 1},
            "validation": {"every_steps": 0},
            "checkpoint": {"every_steps": FOREVER},
            "guard": {"enabled": False},
            "frames": {"sample_every": FOREVER},
            "records": {"tokens": False},
            "limits": {"steps": FOREVER},
        }
    )  # fmt: skip


async def run(case: Case, latencies: Latencies, chat: Any, folder: Path) -> dict[str, float]:
    """One training of one mode, and its figures."""
    config, clock = config_of(case, latencies), Clock(case.scale)
    sink = Listener(folder, config)
    at_once = max(1, case.desktops // SATURATED_SHARE) if case.saturating else None
    generator = SimulatedGenerator(chat, latencies, clock, at_once=at_once)
    host = SimulatedDesktops(case.desktops, latencies, clock, case.seed)
    pool = DesktopPool([host], reset_timeout_s=1e6, step_timeout_s=1e6, restarts=0, sink=sink)
    runner = EpisodeRunner(
        pool=pool,
        generator=generator,
        agent=UiTarsAgent(cast(Any, config.agent)),
        chat=chat,
        sink=sink,
        reward=config.reward,
        timeout_s=config.rollout.episode_timeout_s,
        pace=Lockstep() if case.mode == "lockstep" else None,
    )
    scheduler, stop = Scheduler(runner, retries=0), StopSwitch(sink, minutes=None)
    warm_up, measured = case.steps
    loop = asyncio.get_running_loop()

    def stepped(step: int) -> None:
        if step == warm_up + measured:
            loop.call_soon_threadsafe(stop.ask, "measured")

    learner = SimulatedLearner(clock, stepped)
    practised = tasks((sum(case.steps) + 8) * config.rollout.tasks_per_step)
    planner = Planner(run_seed=case.seed, attempt=1, max_steps=config.rollout.max_steps, sample_every=FOREVER)
    order = TaskOrder(practised, case.seed)
    sources = Sources(config=config, order=order, planner=planner, scheduler=scheduler, pool=pool)
    parts = Parts(
        config=config,
        run_dir=folder,
        train_tasks=practised,
        held_out_tasks=(),
        policy=cast(Policy, Simulated(chat)),
        generator=generator,
        scheduler=scheduler,
        planner=planner,
        evaluator=Evaluator(scheduler, planner, sink, folder / "results"),
        algorithm=Grpo(config.algorithm, case.seed),
        learner=cast(Learner, learner),
        order=order,
        guard=Guard(config.guard),
        store=NoCheckpoints(folder, keep=1),
        sink=sink,
        collector=collector_of(sources, practised),
        provenance=Provenance(config_hash="", seed=case.seed),
        desktops=case.desktops,
        progress=Progress(),
    )
    began, cpu = time.monotonic(), time.process_time()
    await train(parts, stop, resuming=False)
    cpu, wall = time.process_time() - cpu, time.monotonic() - began
    sink.close()
    return figures_of(case, learner, clock, sink.values, cpu_s=cpu, wall_s=wall)


def figures_of(
    case: Case,
    learner: SimulatedLearner,
    clock: Clock,
    values: list[dict[str, float | None]],
    *,
    cpu_s: float,
    wall_s: float,
) -> dict[str, float]:
    """From the end of the warm-up's last update to the end of the last one, in simulated seconds."""
    warm_up, measured = case.steps
    before, steps = learner.steps[warm_up - 1], learner.steps[warm_up : warm_up + measured]
    window = steps[-1].ended - before.ended
    learning = sum(step.ended - step.began for step in steps)
    told = values[warm_up : warm_up + measured]
    return {
        "episodes_per_s": sum(step.trajectories for step in steps) / window,
        "utilisation": (steps[-1].busy_s - before.busy_s) / (window * case.desktops),
        "trainer_idle": 1.0 - learning / window,
        "collect_s": statistics.median(value["time/collect_s"] or 0.0 for value in told) * case.scale,
        "staleness": statistics.fmean(value.get("rollout/ready_ahead") or 0.0 for value in told),
        "version_lag": statistics.fmean(value.get("rollout/version_lag") or 0.0 for value in told),
        "version_lag_max": max(value.get("rollout/version_lag_max") or 0.0 for value in told),
        "cpu_ms_per_action": 1e3 * cpu_s / max(1, clock.actions),
        "late_ms_per_wait": 1e3 * clock.late_s / max(1, 2 * clock.actions),
        "wall_s": wall_s,
    }


def measure(
    latencies: Latencies, *, scale: float, seeds: int, sizes: tuple[int, ...], steps: dict[str, tuple[int, int]]
) -> dict[str, Any]:
    """Every mode at every size; at the largest with a saturating generator as well. Medians over the seeds."""
    chat, service, runs = Policy.load("builtin:pocket").chat, latencies.expected(), []
    largest = max(sizes)
    for seed in range(seeds):
        for size, saturating in [*((size, False) for size in sizes), (largest, True)]:
            if seed and (size != largest or saturating):
                continue  # the headline is measured with every seed, what stands beside it with one
            for mode in MODES:
                case = Case(mode=mode, desktops=size, seed=seed, scale=scale, saturating=saturating, steps=steps[mode])
                load = os.getloadavg()[0]
                with tempfile.TemporaryDirectory(prefix="arpo-rollout-") as folder:
                    found = asyncio.run(run(case, latencies, chat, Path(folder)))
                runs.append(
                    {"mode": mode, "desktops": size, "saturating": saturating, "seed": seed, "load": load, **found}
                )
                print(f"{describe(case)}: {found['episodes_per_s']:.3f} episodes/s, load {load:.1f}", file=sys.stderr)
    by_size = {
        str(size): summary([run for run in runs if run["desktops"] == size and not run["saturating"]], size, service)
        for size in sizes
    }
    saturated = summary([run for run in runs if run["saturating"]], largest, service)
    return {
        **by_size[str(largest)],
        "by_size": by_size,
        "saturating": saturated,
        "desktops": largest,
        "time_scale": scale,
        "learner_s_per_trajectory": LEARN_S_PER_TRAJECTORY,
        "mean_service_s": service[0],
        "trace": latencies.trace is not None,
        "runs": runs,
    }


def describe(case: Case) -> str:
    """One run in words."""
    return f"{case.mode}, {case.desktops} desktops{', saturating' if case.saturating else ''}, seed {case.seed}"


def summary(runs: list[dict[str, Any]], desktops: int, service: tuple[float, float]) -> dict[str, Any]:
    """Medians of one size, and the modes beside each other."""

    def median(mode: str, key: str) -> float:
        return statistics.median(run[key] for run in runs if run["mode"] == mode)

    def of_modes(key: str) -> dict[str, float]:
        return {mode: median(mode, key) for mode in MODES}

    rate, collecting = of_modes("episodes_per_s"), of_modes("collect_s")
    bound, learner = desktops / service[0], 1 / LEARN_S_PER_TRAJECTORY
    return {
        "episodes_per_s": rate,
        "speedup": {mode: rate[mode] / rate["lockstep"] for mode in MODES[1:]},
        "rollout_speedup": {
            "barrier": collecting["lockstep"] / collecting["barrier"],
            "stream": collecting["lockstep"] * rate["stream"] / desktops,
        },
        "utilisation": of_modes("utilisation"),
        "bound_episodes_per_s": bound,
        "bound_with_learner_episodes_per_s": min(bound, learner),
        "bound_fraction": {mode: rate[mode] / bound for mode in MODES},
        "bound_with_learner_fraction": {mode: rate[mode] / min(bound, learner) for mode in MODES},
        "trainer_idle": median("stream", "trainer_idle"),
        "trainer_idle_by_mode": of_modes("trainer_idle"),
        "staleness": median("stream", "staleness"),
        "version_lag": {"mean": median("stream", "version_lag"), "most": median("stream", "version_lag_max")},
        "overhead_ms_per_action": median("stream", "cpu_ms_per_action"),
        "late_ms_per_wait": median("stream", "late_ms_per_wait"),
        "collect_s": collecting,
    }


def show(figures: dict[str, Any]) -> None:
    """The table for people."""
    rows = [["desktops", "mode", "episodes/s", "speed-up", "rollout alone", "desktops used", "trainer idle"]]
    cases = [(size, found) for size, found in figures["by_size"].items()]
    for size, found in [*cases, (f"{figures['desktops']} saturating", figures["saturating"])]:
        for mode in MODES:
            rows.append(
                [
                    size,
                    mode,
                    f"{found['episodes_per_s'][mode]:.3f}",
                    f"{found['speedup'].get(mode, 1.0):.2f}x",
                    f"{found['rollout_speedup'].get(mode, 1.0):.2f}x",
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
