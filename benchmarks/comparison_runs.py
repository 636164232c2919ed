"""The runs of a comparison: both arms of a seed side by side, and what their folders tell of the practice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from arpo_engine.contract.events import (
    CheckpointSaved,
    EpisodeEnded,
    EpisodeStarted,
    GroupCollected,
    HostSampled,
    MetricsLogged,
    RunEnded,
)
from arpo_engine.contract.outcomes import RunOutcome, Split, is_solved
from arpo_engine.contract.reporting import SPOOL_NAME, read_spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One training step, and what had been spent when it was over."""

    step: int
    env_steps: int
    """Actions taken by training rollouts so far."""
    cpu_s: float
    """Processor seconds of the run's processes so far, desktops among them."""
    success: float
    """Share of this step's rollouts of feasible tasks that were solved, before replay."""


@dataclass(slots=True)
class Practice:
    """A run as its folder tells it."""

    run_dir: Path
    points: list[Point] = field(default_factory=list)
    policies: dict[int, Path] = field(default_factory=dict)
    """Step to the weights that were saved after it."""
    first_success: dict[str, int] = field(default_factory=dict)
    """Task to the environment steps that had been taken when the step of its first success was over."""
    groups: int = 0
    failed_groups: int = 0
    """Groups without one success of their own: those that replay can do something for."""
    injections: int = 0

    def at(self, env_steps: int) -> Point:
        """The saved step that is nearest to so many environment steps."""
        return min(self._saved(), key=lambda point: abs(point.env_steps - env_steps))

    def within(self, cpu_s: float) -> Point:
        """The last saved step that was reached with so much processor time; the first one if none was."""
        reached = [point for point in self._saved() if point.cpu_s <= cpu_s]
        return reached[-1] if reached else self._saved()[0]

    def practised(self, env_steps: int) -> float:
        """Mean success of the rollouts up to so many environment steps."""
        counted = [point.success for point in self.points if point.env_steps <= env_steps]
        return sum(counted) / len(counted) if counted else 0.0

    def _saved(self) -> list[Point]:
        return [point for point in self.points if point.step in self.policies]


def finished(run_dir: Path) -> bool:
    """Whether a run has come to its end there, so that a comparison that was cut off need not repeat it."""
    if not (run_dir / SPOOL_NAME).is_file():
        return False
    ends = [line.event for line in read_spool(run_dir / SPOOL_NAME) if isinstance(line.event, RunEnded)]
    return bool(ends) and ends[-1].outcome is RunOutcome.FINISHED


def read_practice(run_dir: Path) -> Practice:
    """What a finished training run did, from its events."""
    practice, clock = Practice(run_dir), _Clock()
    tasks: dict[str, tuple[str, str | None]] = {}
    solved: dict[str, bool] = defaultdict(bool)
    fresh: set[str] = set()
    for line in read_spool(run_dir / SPOOL_NAME):
        match line.event:
            case HostSampled() as sample:
                clock.tick(line.at, sample.run_cpu_percent)
            case EpisodeStarted(split=Split.TRAIN) as begun:
                tasks[begun.episode_id] = (begun.task_id, begun.group_id)
            case EpisodeEnded() as ended if ended.episode_id in tasks and is_solved(ended.score):
                task, group = tasks[ended.episode_id]
                solved[group or ""] = True
                fresh.add(task)
            case GroupCollected() as group:
                practice.groups += 1
                practice.failed_groups += not solved[group.group_id]
                practice.injections += sum(member.injected is not None for member in group.members)
            case MetricsLogged(values={"env_steps": float(env_steps), **values}) as logged:
                point = Point(
                    step=logged.step,
                    env_steps=int(env_steps),
                    cpu_s=round(clock.at(line.at), 1),
                    success=values.get("train/success") or 0.0,
                )
                practice.points.append(point)
                for task in fresh:
                    practice.first_success.setdefault(task, point.env_steps)
            case CheckpointSaved(export_path=str(path)) as saved:
                practice.policies[saved.step] = run_dir / path
    return practice


@dataclass(slots=True)
class _Clock:
    """Processor seconds of a run, summed up from its samples of how busy it was since the one before."""

    seconds: float = 0.0
    last: datetime | None = None
    busy: float = 0.0

    def tick(self, now: datetime, percent: float) -> None:
        self.busy = percent / 100
        self.seconds = self.at(now)
        self.last = now

    def at(self, now: datetime) -> float:
        since = (now - self.last).total_seconds() if self.last else 0.0
        return self.seconds + self.busy * since
