"""Rollouts of the same task, side by side: what GRPO compares. Those with a fault leave; their group shrinks."""

from __future__ import annotations

from collections.abc import Sequence

from arpo_engine.algorithms.base import Collected
from arpo_engine.rollout.plans import GroupPlan
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.types import Trajectory


async def collect_groups(scheduler: Scheduler, plans: Sequence[GroupPlan]) -> list[Collected]:
    """Run the rollouts of all groups together, so that a slow group never holds up a desktop that another could use."""
    trajectories = iter(await scheduler.collect(episode for plan in plans for episode in plan.episodes))
    return [assemble(plan, [next(trajectories) for _ in plan.episodes]) for plan in plans]


def assemble(plan: GroupPlan, trajectories: Sequence[Trajectory]) -> Collected:
    """Keep what has a score; count what has not."""
    fresh = tuple(trajectory for trajectory in trajectories if trajectory.reward is not None)
    return Collected(group_id=plan.group_id, task_id=plan.task.id, fresh=fresh, faults=len(trajectories) - len(fresh))
