"""One try of one task as it counts: who was tried, what came out, and what broke. Plain data and how it is made.

Knows tasks and trajectories; knows no files and no statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

from arpo_engine.contract.outcomes import is_solved
from arpo_engine.contract.tasks import Task
from arpo_engine.types import Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The outcome of one try. `score` is None exactly when it has none: a fault, or never finished."""

    task_id: str
    slot: int
    """Which of the task's tries it is, from 0; one slot of all tasks together is one trial."""
    score: float | None
    domain: str = ""
    infeasible: bool = False
    fault: str | None = None
    """What broke around the agent; an attempt with a fault is no failure."""
    task_hash: str = ""
    """Of the whole task, so that results of two editions of one id are not mixed; empty where the source has none."""
    episode_id: str = ""
    ended_by: str = ""
    steps: int = 0
    duration_s: float = 0.0

    @property
    def solved(self) -> bool:
        """Whether the score counts as a success."""
        return is_solved(self.score)


def solved(trajectory: Trajectory) -> bool:
    """Whether the episode's score counts as a success."""
    return is_solved(trajectory.score)


def attempt_of(task: Task, slot: int, trajectory: Trajectory) -> Attempt:
    """What remains of an episode when its screenshots are forgotten."""
    return Attempt(
        task_id=task.id,
        slot=slot,
        score=trajectory.score,
        domain=task.domain,
        infeasible=task.infeasible,
        fault=trajectory.fault.value if trajectory.fault else None,
        task_hash=task.content_hash,
        episode_id=trajectory.episode_id,
        ended_by=trajectory.ended_by.value,
        steps=len(trajectory.steps),
        duration_s=trajectory.duration_s,
    )
