"""A try-out at a desktop that counts clicks, with a scripted agent and somebody who directs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from arpo_engine.contract.config.parts import RewardConfig
from arpo_engine.contract.events import EpisodeEnded, EpisodeStepTaken, TryoutChanged
from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.contract.tryouts import Direction
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.inference.base import Completion, Prompt, Sampling
from arpo_engine.rollout.directed import Directed
from arpo_engine.rollout.directions import ConsoleDirections, Directions, SpokenDirections
from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.parting import Parting
from arpo_engine.rollout.plans import Plan
from arpo_engine.types import Trajectory
from tests.engine.fakes import ClickingDesktops, ListedGenerator, WordAgent, WordChat, make_task

SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=4)
WAIT_S = 20.0


class SlowGenerator(ListedGenerator):
    """Says the words of its list, one whenever it may. A turn that is dropped is no turn."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(lambda episode: words)
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = 0
        self.dropped = 0

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        self.asked += 1
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.dropped += 1
            raise
        return await super().generate(prompt, sampling)


class Tryout:
    """One episode under way, and what it told the world."""

    def __init__(
        self, *words: str, max_steps: int = 5, idle_s: float = 600.0, goes: bool = False, console: bool = False
    ) -> None:
        self.desktops = ClickingDesktops(size=1)
        self.sink = MemorySink()
        self.generator = SlowGenerator(list(words))
        self.spoken = SpokenDirections()
        self.directions: Directions = ConsoleDirections(self.sink) if console else self.spoken
        self.halted = False
        self.number = 0
        self.pool = DesktopPool([self.desktops], reset_timeout_s=30.0, step_timeout_s=30.0, restarts=3, sink=self.sink)
        self.guide = Directed(
            sink=self.sink,
            directions=self.directions,
            task_ids=frozenset({"t1", "t2"}),
            idle_s=idle_s,
            goes=goes,
            halted=lambda: self.halted,
        )
        self.runner = EpisodeRunner(
            pool=self.pool,
            generator=self.generator,
            agent=WordAgent(),
            chat=WordChat(),
            sink=self.sink,
            reward=RewardConfig(),
            timeout_s=30.0,
            guide=self.guide,
        )
        self.plan = Plan(
            episode_id="e1",
            task=make_task(),
            split=Split.TRYOUT,
            step=1,
            seed=1,
            sampling=SAMPLING,
            max_steps=max_steps,
        )

    def say(self, kind: type[Any], **words: Any) -> None:
        """Somebody directs it."""
        self.number += 1
        self.spoken.say(kind(number=self.number, by="anna", **words))

    def order(self, *directions: Direction) -> None:
        """What the console repeats in each answer from now on."""
        self.sink.directions = directions

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for a condition, not for time."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await asyncio.sleep(0)

    async def until_taken(self, number: int | None = None) -> None:
        """Until the last direction was taken and something was told of it."""
        wanted = self.number if number is None else number
        await self.until(lambda: self.now.taken >= wanted and self.now.state in ("holding", "over"))

    @property
    def told(self) -> list[TryoutChanged]:
        return [event for event in self.sink.events if isinstance(event, TryoutChanged)]

    @property
    def now(self) -> TryoutChanged:
        return self.told[-1]

    @property
    def steps(self) -> list[EpisodeStepTaken]:
        return [event for event in self.sink.events if isinstance(event, EpisodeStepTaken)]

    @property
    def ended(self) -> list[EpisodeEnded]:
        return [event for event in self.sink.events if isinstance(event, EpisodeEnded)]


def play(
    script: Callable[[Tryout], Awaitable[None]], *words: str, **settings: Any
) -> tuple[Tryout, Trajectory, Parting]:
    """Let somebody direct an episode to its end, and what follows it."""

    async def main() -> tuple[Tryout, Trajectory, Parting]:
        tryout = Tryout(*words, **settings)
        course = asyncio.ensure_future(tryout.guide.through(tryout.plan, tryout.runner.run))
        try:
            await tryout.until(lambda: tryout.told and (tryout.now.state != "starting" or course.done()))
            await script(tryout)
            async with asyncio.timeout(WAIT_S):
                trajectory, parting = await course
        finally:
            course.cancel()
            await asyncio.gather(course, return_exceptions=True)
            await tryout.pool.close()
        return tryout, trajectory, parting

    return asyncio.run(main())
