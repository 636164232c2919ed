"""The groups of a step from a stream: taken as they end, whatever step they were begun for; what is too old leaves.

Implements `Collector` (trainer/collecting.py). Versions of the weights are numbers here; who samples is not known.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from arpo_engine.algorithms.base import Collected
from arpo_engine.rollout.plans import GroupPlan
from arpo_engine.rollout.stream import Begun, GroupStream
from arpo_engine.trainer.collecting import Sources, Watch
from arpo_engine.trainer.stream_state import StreamState, unpacked
from arpo_engine.types import Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How old the tokens of a step are, in updates of the weights."""

    mean: float | None
    oldest: int
    dropped: int
    """Episodes that were too old."""
    ahead: float
    """Whole groups that lay ready beyond those of the step, as a share of a step."""


class StreamCollector:
    """Implements `Collector`: episodes go on while the learner works."""

    def __init__(self, sources: Sources, *, tasks: Sequence[Any]) -> None:
        """`tasks`: all that are practised, to find those again that were begun before a checkpoint."""
        self._sources = sources
        self._tasks = {task.id: task for task in tasks}
        self._collected_steps = 0
        """Steps whose groups were taken."""
        self._planned = 0
        """Groups planned so far; it numbers them through all steps."""
        self._ages: Ages | None = None
        self._held: list[Begun] = []
        rollout = sources.config.rollout
        self._stream = GroupStream(
            work=sources.scheduler.until_healthy,
            next_plan=self._next_plan,
            desktops=lambda: sources.pool.size,
            most_ready=lambda: (1 + rollout.max_staleness) * rollout.tasks_per_step,
            closing=sources.closing,
            afterwards=self._run_on,
        )

    async def collect(self, step: int, watch: Watch) -> list[Collected]:
        """The groups that ended first. What is learnt in a step counts as collected for it."""
        rollout = self._sources.config.rollout
        per_step = rollout.tasks_per_step
        watch.awaited(per_step, per_step * rollout.group_size)
        self._collected_steps = step - 1
        self._planned = max(self._planned, (step - 1) * per_step)
        held, self._held = self._held, []
        self._stream.go_on(held)
        taken = await self._stream.take(per_step)
        ahead = self._stream.ready / per_step
        self._collected_steps = step
        self._stream.resume()
        version = step - 1
        fresh = [self._young(group, version, step) for group in taken]
        lags = [version - turn.weight_version for group in fresh for item in group.fresh for turn in item.steps]
        dropped = sum(len(old.fresh) - len(new.fresh) for old, new in zip(taken, fresh, strict=True))
        self._ages = Ages(
            mean=statistics.fmean(lags) if lags else None, oldest=max(lags, default=0), dropped=dropped, ahead=ahead
        )
        return fresh

    def values(self) -> dict[str, float | None]:
        """How far rollouts and learner are apart."""
        if self._ages is None:
            return {}
        return {
            "rollout/version_lag": self._ages.mean,
            "rollout/version_lag_max": float(self._ages.oldest),
            "rollout/too_old": float(self._ages.dropped),
            "rollout/ready_ahead": self._ages.ahead,
        }

    def pause(self) -> None:
        """Begin nothing; what is under way ends by itself."""
        self._stream.pause()

    def resume(self) -> None:
        """Fill the desktops again."""
        self._stream.resume()

    def state(self) -> StreamState:
        """What was begun and not learnt from."""
        return StreamState(planned=self._planned, begun=[*self._held, *self._stream.held()])

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Finished episodes are kept, unfinished ones are run again, under names of this attempt."""
        self._planned = int(state["planned"])
        self._held = []
        for group in unpacked(state):
            task = self._tasks.get(group.task_id)
            if task is not None:
                (plan,) = self._sources.plans([task], group.step, group.place)
                self._held.append(Begun(plan=plan, finished=group.finished))

    async def close(self) -> None:
        """Give up what is under way."""
        await self._stream.close()

    def _next_plan(self) -> GroupPlan | None:
        """The group that comes next; as many are begun as the remaining steps will take, and no more."""
        config = self._sources.config
        per_step = config.rollout.tasks_per_step
        wanted = (config.limits.steps - self._collected_steps) * per_step
        if self._stream.outstanding >= wanted:
            return None
        step, place = divmod(self._planned, per_step)
        self._planned += 1
        (plan,) = self._sources.plans(self._sources.order.take(1), step + 1, place)
        return plan

    async def _run_on(self, plan: GroupPlan, collected: Collected) -> Collected:
        (group,) = await self._sources.run_on([plan], [collected], lambda more: None)
        return group

    def _young(self, group: Collected, version: int, step: int) -> Collected:
        """The group without episodes whose oldest token is too old, the others marked as collected for the step."""
        limit = self._sources.config.rollout.max_version_lag
        kept = tuple(
            replace(item, collected_at_step=step)
            for item in group.fresh
            if limit is None or version - _oldest(item, version) <= limit
        )
        return replace(group, fresh=kept, dropped=group.dropped + len(group.fresh) - len(kept))


def _oldest(trajectory: Trajectory, version: int) -> int:
    return min((turn.weight_version for turn in trajectory.steps), default=version)
