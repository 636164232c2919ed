"""Where a step's groups come from: a batch that is begun for it, or a stream that never ends (`rollout.mode`).

The loop asks for the groups of a step and knows no more. Desktops, agents and weights are not known here.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from arpo_engine.algorithms.base import Collected
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.choices import choices_of
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.adaptive import sample_more
from arpo_engine.rollout.ahead import Ahead
from arpo_engine.rollout.group import ClosingRule, collect_groups
from arpo_engine.rollout.plans import GroupPlan, Plan, Planner
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.trainer.task_order import TaskOrder, peek
from arpo_engine.types import Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What every collector draws from."""

    config: RunConfig
    order: TaskOrder
    planner: Planner
    scheduler: Scheduler
    pool: DesktopPool

    def plans(self, tasks: Sequence[Task], step: int, first_place: int = 0) -> list[GroupPlan]:
        """The groups of some tasks in a step, from a place in it on."""
        rollout = self.config.rollout
        sampling = Sampling(
            temperature=rollout.temperature,
            top_p=rollout.top_p,
            max_new_tokens=self.config.generator.max_new_tokens,
        )
        return self.planner.groups(
            tasks,
            size=rollout.group_size,
            step=step,
            sampling=sampling,
            greedy=self.config.algorithm.estimator == "remax",
            first_place=first_place,
        )

    async def run_on(self, plans: Sequence[GroupPlan], collected: Sequence[Collected]) -> list[Collected]:
        """More rollouts for groups that were rewarded alike, where the config wants that."""
        algorithm = self.config.algorithm
        if choices_of(algorithm).zero_variance != "sample_more":
            return list(collected)
        return await sample_more(self.scheduler, self.planner, plans, collected, extra=algorithm.extra_rollouts)

    @property
    def closing(self) -> ClosingRule | None:
        """When a group may be closed short."""
        rollout = self.config.rollout
        if rollout.close_short_after_s is None:
            return None
        return ClosingRule(share=rollout.close_short_share, wait_s=rollout.close_short_after_s)


class Collector(Protocol):
    """Gives the loop the groups of a step."""

    async def collect(self, step: int) -> list[Collected]:
        """The groups that are learnt from in this step."""
        ...

    def values(self) -> dict[str, float | None]:
        """Numbers of the last step that only this way of collecting has."""
        ...

    def pause(self) -> None:
        """Leave the desktops to a measurement until `resume`."""
        ...

    def resume(self) -> None:
        """Use them again."""
        ...

    def state(self) -> Any:
        """What a checkpoint must hold besides the order of tasks, as it is now; see `trainer.stream_state`."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what was saved."""
        ...

    async def close(self) -> None:
        """Give up what is under way."""
        ...


class BatchCollector:
    """Implements `Collector`: all groups of a step are begun together, and the learner waits for the last of them."""

    def __init__(self, sources: Sources, *, prepares: bool) -> None:
        """`prepares`: whether idle desktops are reset for the next step's tasks."""
        self._sources = sources
        self._prepares = prepares
        self._ahead = Ahead(sources.pool)

    async def collect(self, step: int) -> list[Collected]:
        """Begin the step's groups and wait for them."""
        sources, rollout = self._sources, self._sources.config.rollout
        self._ahead.stop()
        plans = sources.plans(sources.order.take(rollout.tasks_per_step), step)
        coming = iter([self._next_tasks(step)])

        async def work(plan: Plan) -> Trajectory:
            trajectory = await sources.scheduler.until_healthy(plan)
            # Not before the first episode is over: until then every desktop is wanted.
            self._ahead.prepare(next(coming, ()))
            return trajectory

        collected = await collect_groups(sources.scheduler, plans, work=work, closing=sources.closing)
        return await sources.run_on(plans, collected)

    def values(self) -> dict[str, float | None]:
        """None."""
        return {}

    def pause(self) -> None:
        """Between two steps nothing is under way but preparations, which give way by themselves."""

    def resume(self) -> None:
        """Nothing was stopped."""

    def state(self) -> Any:
        """Nothing lasts from step to step."""
        return None

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing lasts from step to step."""

    async def close(self) -> None:
        """Prepare no more."""
        await self._ahead.close()

    def _next_tasks(self, step: int) -> list[Task]:
        """One for each rollout of the next step; none where a measurement comes between, which needs the desktops."""
        config = self._sources.config
        every = config.validation.every_steps
        if not self._prepares or step >= config.limits.steps or (every and step % every == 0):
            return []
        tasks = peek(self._sources.order, config.rollout.tasks_per_step)
        return list(itertools.chain.from_iterable([task] * config.rollout.group_size for task in tasks))
