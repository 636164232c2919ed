"""Many episodes at once, each at its own pace: none waits for another's turn. A lost one is run again elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.plans import Plan
from arpo_engine.types import Trajectory

log = logging.getLogger(__name__)

S = TypeVar("S")
T = TypeVar("T")


class Scheduler:
    """Starts every episode as soon as a desktop is free for it."""

    def __init__(self, runner: EpisodeRunner, *, retries: int) -> None:
        self._runner = runner
        self._retries = retries

    async def collect(self, plans: Iterable[Plan]) -> list[Trajectory]:
        """Run all plans; the answers come in the order of the plans, whatever finished first."""
        return await self.each(plans, self.until_healthy)

    async def each(self, plans: Iterable[S], work: Callable[[S], Awaitable[T]]) -> list[T]:
        """Do `work` for all plans side by side; the answers come in their order. The first error ends them all."""

        async def one(plan: S) -> T:
            return await work(plan)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(plan)) for plan in plans]
        except ExceptionGroup as several:
            # One broken part usually breaks many episodes alike; the first error says it as well as all of them.
            raise several.exceptions[0] from several
        return [task.result() for task in tasks]

    async def until_healthy(self, plan: Plan) -> Trajectory:
        """Run a plan, and again while it is lost to a fault and tries are left."""
        trajectory = await self._runner.run(plan)
        while trajectory.fault is not None and plan.retries < self._retries:
            plan = plan.again()
            log.info(
                "episode is run again",
                extra={"episode_id": plan.episode_id, "retry_of": plan.retry_of, "fault": trajectory.fault.value},
            )
            trajectory = await self._runner.run(plan)
        return trajectory
