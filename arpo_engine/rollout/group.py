"""Rollouts of the same task, side by side: what GRPO compares. Those with a fault leave; their group shrinks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from arpo_engine.algorithms.base import Collected
from arpo_engine.rollout.plans import AGAIN, GroupPlan
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.types import Trajectory


async def collect_groups(scheduler: Scheduler, plans: Sequence[GroupPlan]) -> list[Collected]:
    """Run the rollouts of all groups together, so that a slow group never holds up a desktop that another could use."""
    trajectories = iter(await scheduler.collect(episode for plan in plans for episode in plan.all_episodes))
    return [assemble(plan, [next(trajectories) for _ in plan.all_episodes]) for plan in plans]


def assemble(plan: GroupPlan, trajectories: Sequence[Trajectory]) -> Collected:
    """Keep what has a score; count what has not, or has one that is no finite number: it would spoil its siblings."""
    scored = [item for item in trajectories if item.reward is not None and math.isfinite(item.reward)]
    greedy = plan.baseline.episode_id if plan.baseline is not None else None
    baseline = [item for item in scored if _is(item, greedy)]
    return Collected(
        group_id=plan.group_id,
        task_id=plan.task.id,
        fresh=tuple(item for item in scored if not _is(item, greedy)),
        faults=len(trajectories) - len(scored),
        baseline=baseline[0] if baseline else None,
    )


def _is(trajectory: Trajectory, episode_id: str | None) -> bool:
    """Whether it is that episode, or that one run again after a fault."""
    return episode_id is not None and trajectory.episode_id.partition(AGAIN)[0] == episode_id
