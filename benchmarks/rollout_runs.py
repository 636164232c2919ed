"""One run of `benchmarks/rollout.py`: the production loop with simulated surroundings, and the figures of its steps."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

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
from arpo_engine.trainer.parts import Chosen, Parts, Progress
from arpo_engine.trainer.pushing import Pusher
from arpo_engine.trainer.stop import StopSwitch
from arpo_engine.trainer.task_order import TaskOrder
from benchmarks.rollout_world import (
    LEARN_S_PER_TRAJECTORY,
    Clock,
    Latencies,
    SimulatedDesktops,
    SimulatedGenerator,
    SimulatedLearner,
    tasks,
)

GROUP = 8
SATURATED_SHARE = 4
"""A saturating generator answers so many desktops' share at a time: one in four."""
FOREVER = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run."""

    mode: str
    desktops: int
    seed: int
    scale: float
    saturating: bool = False
    """A generator that answers a quarter of the desktops at a time, and lets the others wait."""
    learns: bool = True
    """Whether the learner takes its time; otherwise rollouts are measured alone."""
    steps: tuple[int, int] = (1, 1)
    """Steps that warm up, and steps that are measured."""


@dataclass(slots=True)
class Simulated:
    """A policy and a checkpoint store without weights, where the loop wants one."""

    chat: Any
    adapter: None = None

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

    learner = SimulatedLearner(clock, stepped, LEARN_S_PER_TRAJECTORY if case.learns else 0.0)
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
        chosen=Chosen(),
        guard=Guard(config.guard),
        store=NoCheckpoints(folder, keep=1),
        pusher=Pusher(config.checkpoint, sink),
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
    # Counted as it should take: a sleep that a busy machine makes longer is no work.
    learning = sum(step.trajectories for step in steps) * learner.s_per_trajectory
    told = values[warm_up : warm_up + measured]
    return {
        "episodes_per_s": sum(step.trajectories for step in steps) / window,
        "utilisation": (steps[-1].busy_s - before.busy_s) / (window * case.desktops),
        "trainer_idle": 1.0 - learning / window,
        "collect_s": statistics.median(value["time/collect_s"] or 0.0 for value in told) * case.scale,
        "staleness": statistics.fmean(value.get("rollout/ready_ahead") or 0.0 for value in told),
        "version_lag": statistics.fmean(value.get("rollout/version_lag") or 0.0 for value in told),
        "too_old": sum(value.get("rollout/too_old") or 0.0 for value in told) / len(told),
        "version_lag_max": max(value.get("rollout/version_lag_max") or 0.0 for value in told),
        "cpu_ms_per_action": 1e3 * cpu_s / max(1, clock.actions),
        "late_ms_per_wait": 1e3 * clock.late_s / max(1, 2 * clock.actions),
        "wall_s": wall_s,
    }
