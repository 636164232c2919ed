"""One episode: how it ends, what it is worth, and that what breaks around it becomes data."""

from __future__ import annotations

import asyncio

import pytest

from arpo_engine.agents.base import Reply
from arpo_engine.contract.actions import Click, Several
from arpo_engine.contract.config.parts import RewardConfig
from arpo_engine.contract.errors import ContextFull, DesktopLost, EvaluatorError, GeneratorLost, SetupFailed
from arpo_engine.contract.events import EpisodeEnded, EpisodeStarted, EpisodeStepTaken, FaultNoticed
from arpo_engine.contract.outcomes import EndedBy, Fault, Split
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.host import Act, Reset, Score
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.plans import Plan
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.types import Trajectory
from tests.engine.fakes import ClickingDesktops, ListedGenerator, WordAgent, WordChat, make_task

SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=4)


class World:
    """A desktop process, a scripted generator and what they told the world."""

    reply_timeout_s: float | None = None

    def __init__(self, *words: str, timeout_s: float = 30.0, max_steps: int = 3) -> None:
        self.desktops = ClickingDesktops()
        self.sink = MemorySink()
        self.generator = ListedGenerator(lambda episode: list(words))
        self.agent = WordAgent()
        self.timeout_s = timeout_s
        self.max_steps = max_steps

    async def run(self, *, infeasible: bool = False, retries: int = 0, step_timeout_s: float = 30.0):
        self.pool = DesktopPool(
            [self.desktops], reset_timeout_s=30.0, step_timeout_s=step_timeout_s, restarts=3, sink=self.sink
        )
        runner = EpisodeRunner(
            pool=self.pool,
            generator=self.generator,
            agent=self.agent,
            chat=WordChat(),
            sink=self.sink,
            reward=RewardConfig(),
            timeout_s=self.timeout_s,
            reply_timeout_s=self.reply_timeout_s,
        )
        plan = Plan(
            episode_id="e1",
            task=make_task(infeasible=infeasible),
            split=Split.TRAIN,
            step=7,
            seed=1,
            sampling=SAMPLING,
            max_steps=self.max_steps,
        )
        (trajectory,) = await Scheduler(runner, retries=retries).collect([plan])
        await self.pool.close()
        return trajectory

    def events(self, kind: type) -> list:
        return [event for event in self.sink.events if isinstance(event, kind)]


def test_a_solved_task_is_scored_and_told_step_by_step():
    world = World("click", "finish")
    trajectory = asyncio.run(world.run())
    assert (trajectory.ended_by, trajectory.score, trajectory.reward) == (EndedBy.FINISHED, 1.0, 1.0)
    assert [type(event) for event in world.sink.events] == [
        EpisodeStarted,
        EpisodeStepTaken,
        EpisodeStepTaken,
        EpisodeEnded,
    ]
    assert [step.thought for step in trajectory.steps] == ["I click", "I finish"]
    assert all(step.frame is not None for step in world.events(EpisodeStepTaken))


def test_tokens_are_kept_as_sampled_with_their_logprobs_and_version():
    world = World("click", "finish")
    world.generator.version = 5
    first, second = asyncio.run(world.run()).steps
    assert (first.prompt_ids, second.prompt_ids) == ((1, 1, 1), (2, 2))
    assert (first.reply_ids, first.reply_logprobs, first.weight_version) == ((0, 9), (-0.1, -0.2), 5)


def test_each_turn_has_a_seed_of_its_own():
    world = World("click", "finish")
    asyncio.run(world.run())
    assert len({prompt.seed for prompt in world.generator.prompts}) == 2


def test_an_unreadable_reply_ends_the_episode_with_the_format_penalty_and_is_still_scored():
    world = World("click", "mumble")
    trajectory = asyncio.run(world.run())
    assert (trajectory.ended_by, trajectory.format_reward) == (EndedBy.UNREADABLE_REPLY, -1.0)
    assert (trajectory.score, trajectory.reward) == (1.0, 0.5)
    assert "no word of this agent" in world.events(EpisodeStepTaken)[-1].problem


def test_a_reply_that_does_not_end_is_unreadable_whatever_it_says():
    world = World("finish")
    world.generator.unending.add("e1")
    trajectory = asyncio.run(world.run())
    assert trajectory.ended_by is EndedBy.UNREADABLE_REPLY
    assert "did not end" in world.events(EpisodeStepTaken)[0].problem


def test_steps_run_out():
    trajectory = asyncio.run(World("click", "click", "click").run())
    assert (trajectory.ended_by, trajectory.score, len(trajectory.steps)) == (EndedBy.OUT_OF_STEPS, 0.0, 3)


@pytest.mark.parametrize(("infeasible", "score"), [(True, 1.0), (False, 0.0)])
def test_giving_up_is_right_only_where_the_task_cannot_be_done(infeasible: bool, score: float):
    trajectory = asyncio.run(World("fail").run(infeasible=infeasible))
    assert (trajectory.ended_by, trajectory.score) == (EndedBy.FAILED_BY_AGENT, score)


def test_a_reply_that_does_not_come_is_the_generators_fault_and_no_desktop_is_blamed():
    async def main() -> tuple[World, Trajectory]:
        world, never = World("click"), asyncio.Event()

        async def generate(prompt: object, sampling: object) -> None:
            await never.wait()

        world.generator.generate = generate
        world.reply_timeout_s = 0.05
        return world, await world.run()

    world, trajectory = asyncio.run(main())
    assert (trajectory.fault, trajectory.reward) == (Fault.GENERATOR_LOST, None)
    assert "rollout.reply_timeout_s = 0.05 s" in trajectory.note
    assert world.desktops.restarts == 0


def test_a_full_context_ends_the_episode_and_is_scored():
    world = World("click")
    world.generator.error = ContextFull("too long")
    trajectory = asyncio.run(world.run())
    assert (trajectory.ended_by, trajectory.score, trajectory.fault) == (EndedBy.CONTEXT_FULL, 0.0, None)


@pytest.mark.parametrize(
    ("request_kind", "error", "fault"),
    [
        (Reset, SetupFailed("no such file"), Fault.SETUP_FAILED),
        (Act, DesktopLost("gone"), Fault.DESKTOP_LOST),
        (Score, EvaluatorError("no such getter"), Fault.EVALUATOR_ERROR),
    ],
)
def test_what_breaks_is_a_fault_and_never_a_reward(request_kind: type, error: Exception, fault: Fault):
    world = World("click", "finish")

    def trouble(index: int, request: object) -> None:
        if isinstance(request, request_kind):
            raise error

    world.desktops.trouble = trouble
    trajectory = asyncio.run(world.run())
    assert (trajectory.ended_by, trajectory.fault) == (EndedBy.FAULT, fault)
    assert (trajectory.score, trajectory.reward) == (None, None)
    assert str(error) in world.events(EpisodeEnded)[0].note
    assert [event.fault for event in world.events(FaultNoticed)] == [fault]


def test_a_lost_generator_is_a_fault():
    world = World("click")
    world.generator.error = GeneratorLost("it is gone")
    assert asyncio.run(world.run()).fault is Fault.GENERATOR_LOST


def test_a_lost_episode_is_run_again_under_a_name_that_says_so():
    world = World("click", "finish")
    broken = iter([True])

    def trouble(index: int, request: object) -> None:
        if isinstance(request, Act) and next(broken, False):
            raise DesktopLost("died")

    world.desktops.trouble = trouble
    trajectory = asyncio.run(world.run(retries=1))
    assert (trajectory.episode_id, trajectory.score) == ("e1~1", 1.0)
    assert [event.retry_of for event in world.events(EpisodeStarted)] == [None, "e1"]
    assert world.desktops.restarts == 1


def test_retries_end_and_the_fault_stays():
    world = World("click", "finish")

    def trouble(index: int, request: object) -> None:
        raise SetupFailed("never")

    world.desktops.trouble = trouble
    trajectory = asyncio.run(world.run(retries=2))
    assert (trajectory.episode_id, trajectory.fault) == ("e1~2", Fault.SETUP_FAILED)


def test_a_desktop_that_does_not_answer_is_stuck():
    world = World("click")
    never = asyncio.Event()
    world.desktops.wait = lambda index, request: never if isinstance(request, Act) else None
    trajectory = asyncio.run(world.run(step_timeout_s=0.05))
    assert trajectory.fault is Fault.DESKTOP_STUCK
    assert world.desktops.restarts == 1


def test_an_episode_that_takes_too_long_is_given_up():
    world = World("click", timeout_s=0.05)
    never = asyncio.Event()
    world.desktops.wait = lambda index, request: never if isinstance(request, Act) else None
    trajectory = asyncio.run(world.run())
    assert trajectory.fault is Fault.DESKTOP_STUCK
    assert "episode_timeout_s" in trajectory.note


def test_the_generator_may_forget_every_episode_that_is_over():
    world = World("click", "mumble")
    asyncio.run(world.run())
    assert world.generator.released == ["e1"]


class TwoWords(WordAgent):
    """Reads `click` as two clicks and `finish` as an end with a click behind it."""

    def parse(self, text: str, screen: tuple[int, int]) -> Reply:
        one = super().parse(text, screen).action
        return Reply(thought="", action=Several(actions=(one, Click(x=1, y=1))))


def play_two(*words: str, max_steps: int) -> tuple[World, Trajectory]:
    world = World(*words, max_steps=max_steps)
    world.agent = TwoWords()
    return world, asyncio.run(world.run())


def test_actions_of_one_reply_are_carried_out_in_order_and_told_as_one_turn():
    world, trajectory = play_two("click", "finish", max_steps=9)
    assert world.desktops.clicks == {0: 2}
    assert [step.action.kind for step in trajectory.steps if step.action] == ["several", "several"]
    assert len(world.events(EpisodeStepTaken)) == 2


def test_nothing_is_done_behind_an_action_that_ends_the_episode():
    world, trajectory = play_two("finish", max_steps=9)
    assert (trajectory.ended_by, world.desktops.clicks) == (EndedBy.FINISHED, {0: 0})


def test_each_action_counts_as_a_step_and_none_is_done_when_they_have_run_out():
    world, trajectory = play_two("click", "click", max_steps=3)
    assert (trajectory.ended_by, world.desktops.clicks) == (EndedBy.OUT_OF_STEPS, {0: 3})
