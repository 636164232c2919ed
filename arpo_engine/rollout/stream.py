"""Groups without end: a new one is begun as soon as a desktop would idle, and whole ones are handed over as they end.

No batch and no barrier: whoever learns takes so many groups at a time, in the order in which they ended, while the
others go on. How far rollouts may run ahead is bounded; how old a token may be is the taker's business. Knows neither
tasks' order nor weights.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from arpo_engine.algorithms.base import Collected
from arpo_engine.rollout.group import ClosingRule, Work, assemble, collect_group
from arpo_engine.rollout.plans import GroupPlan, Plan
from arpo_engine.types import Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A group that was begun and not yet taken; what a checkpoint keeps of it."""

    plan: GroupPlan
    finished: dict[int, Trajectory] = field(default_factory=dict)
    """Slot of a rollout to its episode, where that has a score."""

    @property
    def rest(self) -> GroupPlan:
        """What is still to be run."""
        episodes = tuple(episode for episode in self.plan.episodes if episode.slot not in self.finished)
        return replace(self.plan, episodes=episodes)


class GroupStream:
    """Keeps `desktops` episodes under way, until it is paused, closed, or there is nothing more to begin."""

    def __init__(
        self,
        *,
        work: Work,
        next_plan: Callable[[], GroupPlan | None],
        desktops: Callable[[], int],
        most_ready: Callable[[], float],
        closing: ClosingRule | None = None,
        afterwards: Callable[[GroupPlan, Collected], Awaitable[Collected]] | None = None,
    ) -> None:
        """
        Args:
            work: runs an episode to its end, retries among it.
            next_plan: the group that comes next; None where none is wanted any more.
            desktops: how many there are, now.
            most_ready: ended groups that may wait to be taken; while there are so many, none is begun.
            closing: when a group need not wait for its last rollouts.
            afterwards: what else is done for a group that has ended, such as running it on.
        """
        self._work, self._next_plan, self._desktops, self._most_ready = work, next_plan, desktops, most_ready
        self._closing, self._afterwards = closing, afterwards
        self._begun: dict[str, Begun] = {}
        """By group id, in the order in which they were begun; the ended ones among them."""
        self._ready: list[Collected] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._paused = False
        self._error: BaseException | None = None
        self._news = asyncio.Event()

    @property
    def ready(self) -> int:
        """Groups that have ended and wait to be taken."""
        return len(self._ready)

    @property
    def outstanding(self) -> int:
        """Groups that were begun and not taken."""
        return len(self._begun)

    def held(self) -> list[Begun]:
        """What would be lost if the process ended now."""
        return [replace(begun, finished=dict(begun.finished)) for begun in self._begun.values()]

    def go_on(self, held: list[Begun]) -> None:
        """Begin with groups that an earlier process did not bring to their end, or could not hand over."""
        for begun in held:
            self._begin(begun)

    async def take(self, count: int) -> list[Collected]:
        """The next `count` groups that ended, waiting for them; fewer only where no more will come. Nothing is begun in
        their place before `resume`, when the taker knows how many more it wants.

        Raises:
            Exception: what went wrong in an episode for no reason that is a fault.
        """
        self._refill()
        while len(self._ready) < count and self._error is None and self._tasks:
            self._news.clear()
            await self._news.wait()
        if self._error is not None:
            raise self._error
        taken, self._ready = self._ready[:count], self._ready[count:]
        for group in taken:
            del self._begun[group.group_id]
        return taken

    def pause(self) -> None:
        """Begin no group until `resume`; what is under way goes on."""
        self._paused = True

    def resume(self) -> None:
        """Fill the desktops again."""
        self._paused = False
        self._refill()

    async def close(self) -> None:
        """Give up what is under way; it can still be asked what was finished."""
        self._paused = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _refill(self) -> None:
        """Also without a desktop one group is begun: its faults tell what is wrong."""
        while not self._paused and self._error is None and self._under_way < max(1, self._desktops()):
            if len(self._ready) >= self._most_ready():
                return
            plan = self._next_plan()
            if plan is None:
                return
            self._begin(Begun(plan=plan))

    def _begin(self, begun: Begun) -> None:
        self._begun[begun.plan.group_id] = begun
        self._under_way += len(begun.rest.all_episodes)
        task = asyncio.get_running_loop().create_task(self._collect(begun))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _collect(self, begun: Begun) -> None:
        known, rest = list(begun.finished.items()), begun.rest

        async def work(episode: Plan) -> Trajectory:
            try:
                trajectory = await self._work(episode)
            finally:
                self._under_way -= 1
                self._refill()
            scored = trajectory.reward is not None and math.isfinite(trajectory.reward)
            if scored and episode is not begun.plan.baseline:
                begun.finished[episode.slot] = trajectory
            return trajectory

        group = await collect_group(rest, work, self._closing) if rest.all_episodes else assemble(rest, [])
        earlier = tuple(trajectory for _, trajectory in sorted(known, key=lambda item: item[0]))
        group = replace(group, fresh=(*earlier, *group.fresh))
        if self._afterwards is not None:
            group = await self._afterwards(begun.plan, group)
        self._ready.append(group)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._error = self._error or task.exception()
        self._news.set()
