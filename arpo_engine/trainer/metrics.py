"""The numbers of one training step by their keys. Pure: takes what happened, returns a dict."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from arpo_engine.algorithms.base import Collected, Prepared
from arpo_engine.contract.tasks import Task
from arpo_engine.evaluation.attempts import solved
from arpo_engine.trainer.batch_values import batch_values
from arpo_engine.trainer.parts import Progress
from arpo_engine.trainer.report import LearnReport
from arpo_engine.types import Trajectory

Values = dict[str, float | None]


@dataclass(slots=True)
class Stopwatch:
    """Seconds by phase of one step, as `time/<phase>_s`."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time of the block to a phase."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started

    @property
    def total(self) -> float:
        """All phases together."""
        return sum(self.seconds.values())

    def values(self) -> Values:
        """As metrics, the whole step among them."""
        return {**{f"time/{name}_s": value for name, value in self.seconds.items()}, "time/step_s": self.total}


@dataclass(frozen=True, slots=True)
class Tally:
    """Successes of one step's own rollouts; infeasible tasks are counted apart."""

    successes: int
    attempts: int
    infeasible_successes: int
    infeasible_attempts: int

    @property
    def success(self) -> float | None:
        """Share of the feasible attempts that were solved."""
        return self.successes / self.attempts if self.attempts else None


def fresh_of(collected: Sequence[Collected]) -> list[Trajectory]:
    """All scored rollouts of a step, before replay."""
    return [trajectory for group in collected for trajectory in group.fresh]


def counts_of(trajectories: Sequence[Trajectory]) -> dict[str, tuple[int, int]]:
    """Task id to (successes, scored attempts)."""
    counts: dict[str, tuple[int, int]] = {}
    for item in trajectories:
        successes, attempts = counts.get(item.task_id, (0, 0))
        counts[item.task_id] = (successes + solved(item), attempts + 1)
    return counts


def tally(collected: Sequence[Collected], tasks: Sequence[Task]) -> Tally:
    """Count the successes of a step."""
    infeasible = {task.id for task in tasks if task.infeasible}
    feasible = [solved(item) for item in fresh_of(collected) if item.task_id not in infeasible]
    apart = [solved(item) for item in fresh_of(collected) if item.task_id in infeasible]
    return Tally(sum(feasible), len(feasible), sum(apart), len(apart))


def rollout_values(collected: Sequence[Collected], counted: Tally, progress: Progress) -> Values:
    """What the rollouts of a step look like."""
    fresh = fresh_of(collected)
    values: Values = {
        "train/success": counted.success,
        "train/reward": _mean([item.reward or 0.0 for item in fresh]),
        "train/format": _mean([item.format_reward for item in fresh]),
        "rollout/score": _mean([item.score or 0.0 for item in fresh]),
        "rollout/episodes": float(len(fresh)),
        "rollout/faults": float(sum(group.faults for group in collected)),
        "rollout/turns": _mean([float(len(item.steps)) for item in fresh]),
        "rollout/tokens": float(sum(item.tokens for item in fresh)),
        "env_steps": float(progress.env_steps),
        "episodes": float(progress.episodes),
    }
    if counted.infeasible_attempts:
        values["train/infeasible_success"] = counted.infeasible_successes / counted.infeasible_attempts
    return values


def learning_values(prepared: Prepared, report: LearnReport) -> Values:
    """What was made of them."""
    advantages = [member.advantage for group in prepared.groups for member in group.members]
    distance: Values = {}
    if report.kl_coef is not None:
        distance = {"train/reference_kl": report.reference_kl, "train/kl_coef": report.kl_coef}
    if report.gap is not None:
        distance |= {"train/sampler_gap": report.gap.mean_abs, "train/sampler_k3": report.gap.k3}
    return {
        **distance,
        **batch_values(prepared.groups),
        **report.effort,
        "train/advantage_std": statistics.pstdev(advantages) if advantages else None,
        "train/zero_gradient_groups": float(sum(group.zero_gradient for group in prepared.groups)),
        "train/live_share": report.live_share,
        "train/updates": float(report.updates),
        "train/loss": report.loss,
        "train/entropy": report.entropy,
        "train/surprisal": report.surprisal,
        "train/clip_fraction": report.clip_fraction,
        "train/clip_fraction_high": report.clip_fraction_high,
        "train/clip_fraction_dual": report.clip_fraction_dual,
        "train/approx_kl": report.approx_kl,
        "train/grad_norm": report.grad_norm,
        "train/lr": report.learning_rate,
        "replay/size": float(prepared.memory_size),
        "replay/hits": float(prepared.injected),
        "replay/tasks_stocked": float(prepared.tasks_stocked),
    }


def _mean(numbers: Sequence[float]) -> float | None:
    return statistics.fmean(numbers) if numbers else None
