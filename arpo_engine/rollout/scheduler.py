"""Many episodes at once, each at its own pace: none waits for another's turn. A lost one is run again elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.plans import Plan
from arpo_engine.types import Trajectory

log = logging.getLogger(__name__)


class Scheduler:
    """Starts every episode as soon as a desktop is free for it."""

    def __init__(self, runner: EpisodeRunner, *, retries: int) -> None:
        self._runner = runner
        self._retries = retries

    async def collect(self, plans: Iterable[Plan]) -> list[Trajectory]:
        """Run all plans; the answers come in the order of the plans, whatever finished first."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._until_healthy(plan)) for plan in plans]
        except ExceptionGroup as several:
            # One broken part usually breaks many episodes alike; the first error says it as well as all of them.
            raise several.exceptions[0] from several
        return [task.result() for task in tasks]

    async def _until_healthy(self, plan: Plan) -> Trajectory:
        trajectory = await self._runner.run(plan)
        while trajectory.fault is not None and plan.retries < self._retries:
            plan = plan.again()
            log.info(
                "episode is run again",
                extra={"episode_id": plan.episode_id, "retry_of": plan.retry_of, "fault": trajectory.fault.value},
            )
            trajectory = await self._runner.run(plan)
        return trajectory
