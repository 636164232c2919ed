"""Rollouts of the same task, side by side: what GRPO compares. Those with a fault leave; their group shrinks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from arpo_engine.algorithms.base import Collected
from arpo_engine.rollout.plans import AGAIN, GroupPlan, Plan
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.types import Trajectory

Work = Callable[[Plan], Awaitable[Trajectory]]
"""Runs an episode to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingRule:
    """When a group is closed although some of its rollouts are not over. They are dropped, not counted as failures."""

    share: float
    """Of its rollouts that must be over ..."""
    wait_s: float
    """... and the seconds after that in which the others may still come."""


async def collect_groups(
    scheduler: Scheduler, plans: Sequence[GroupPlan], *, work: Work | None = None, closing: ClosingRule | None = None
) -> list[Collected]:
    """Run the rollouts of all groups together, so that a slow group never holds up a desktop that another could use."""
    if closing is not None:
        each = work or scheduler.until_healthy
        return await scheduler.each(plans, lambda plan: collect_group(plan, each, closing))
    episodes = [episode for plan in plans for episode in plan.all_episodes]
    found = await scheduler.collect(episodes) if work is None else await scheduler.each(episodes, work)
    trajectories = iter(found)
    return [assemble(plan, [next(trajectories) for _ in plan.all_episodes]) for plan in plans]


async def collect_group(plan: GroupPlan, work: Work, closing: ClosingRule | None) -> Collected:
    """Run the rollouts of one group, until all are over or the rule closes it. The first error ends them all."""

    async def one(episode: Plan) -> Trajectory:
        return await work(episode)

    tasks = [asyncio.create_task(one(episode)) for episode in plan.all_episodes]
    try:
        await _until_closed(tasks, closing)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return assemble(plan, [task.result() for task in tasks if not task.cancelled()])


async def _until_closed(tasks: Sequence[asyncio.Task[Trajectory]], closing: ClosingRule | None) -> None:
    enough = len(tasks) if closing is None else math.ceil(closing.share * len(tasks))
    pending = set(tasks)
    while pending and len(tasks) - len(pending) < enough:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    if pending and closing is not None:
        done, _ = await asyncio.wait(pending, timeout=closing.wait_s, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()


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
        dropped=len(plan.all_episodes) - len(trajectories),
    )


def _is(trajectory: Trajectory, episode_id: str | None) -> bool:
    """Whether it is that episode, or that one run again after a fault."""
    return episode_id is not None and trajectory.episode_id.partition(AGAIN)[0] == episode_id
