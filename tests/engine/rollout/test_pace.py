"""Lockstep: everybody waits for the slowest, nobody waits for who is gone; and nothing else differs."""

from __future__ import annotations

import asyncio

from arpo_engine.contract.config.parts import RewardConfig
from arpo_engine.contract.errors import DesktopLost, SetupFailed
from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.host import Act, Reset
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.pace import Lockstep, Pace
from arpo_engine.rollout.plans import Planner
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.types import Trajectory
from tests.engine.fakes import ClickingDesktops, ListedGenerator, WordAgent, WordChat, make_task

SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=4)
SCRIPTS = {"short": ["finish"], "long": ["click", "click", "finish"], "other": ["click", "finish"]}


class Watched(ClickingDesktops):
    """Writes down what it is asked, by task."""

    def __init__(self, size: int) -> None:
        super().__init__(size=size)
        self.asked: list[str] = []

    async def call(self, index, request):
        answer = await super().call(index, request)
        self.asked.append(f"{type(request).__name__.lower()} {self.tasks[index].id}")
        return answer


def play(pace: Pace | None, desktops: ClickingDesktops, *, retries: int = 0) -> tuple[list[Trajectory], list[str]]:
    names = list(SCRIPTS)
    said: list[str] = []

    def script(episode: str) -> list[str]:
        name = names[int(episode.split("-t")[1].split("-")[0])]
        said.append(f"reply {name}")
        return SCRIPTS[name]

    async def main() -> list[Trajectory]:
        sink = MemorySink()
        pool = DesktopPool([desktops], reset_timeout_s=30.0, step_timeout_s=30.0, restarts=9, sink=sink)
        runner = EpisodeRunner(
            pool=pool,
            generator=ListedGenerator(script),
            agent=WordAgent(),
            chat=WordChat(),
            sink=sink,
            reward=RewardConfig(),
            timeout_s=30.0,
            pace=pace,
        )
        planner = Planner(run_seed=0, attempt=1, max_steps=4, sample_every=1)
        tasks = [make_task(name) for name in names]
        plans = planner.measurement(tasks, attempts=1, split=Split.HELD_OUT, step=0, sampling=SAMPLING)
        return await asyncio.wait_for(Scheduler(runner, retries=retries).collect(plans), 20)

    return asyncio.run(main()), said


def test_all_resets_come_before_the_first_reply_and_all_replies_before_the_first_action():
    desktops = Watched(size=3)
    order: list[str] = []
    desktops.asked = order

    class Noting(Lockstep):
        async def turn(self, member: int) -> None:
            await super().turn(member)
            order.append("go")

    play(Noting(), desktops)
    resets, first_go = [order.index(f"reset {name}") for name in SCRIPTS], order.index("go")
    assert max(resets) < first_go
    assert order.index("act long") > 5  # three resets, and everybody has gone on to reply, before anybody acts


def test_a_desktop_is_scored_when_its_episode_ends_and_idles_until_all_have_ended():
    desktops = Watched(size=2)
    play(Lockstep(), desktops)
    asked = desktops.asked
    # Two desktops for three episodes: the third begins only when the first two are both over.
    assert asked.index("reset other") > asked.index("score long")
    assert asked.index("score short") < asked.index("score long")


def test_own_pace_gives_a_desktop_back_as_soon_as_its_episode_is_over():
    desktops = Watched(size=2)
    play(None, desktops)
    assert desktops.asked.index("reset other") < desktops.asked.index("score long")


def test_what_is_learnt_from_is_the_same_at_any_pace():
    def told(trajectories: list[Trajectory]) -> list[object]:
        return [(item.episode_id, item.score, [step.reply_ids for step in item.steps]) for item in trajectories]

    assert told(play(Lockstep(), Watched(size=3))[0]) == told(play(None, Watched(size=3))[0])


def test_nobody_waits_for_an_episode_that_was_lost_and_it_is_run_again_among_the_others():
    desktops = Watched(size=3)
    broken = iter([True])

    def trouble(index: int, request: object) -> None:
        if isinstance(request, Act) and desktops.tasks[index].id == "long" and next(broken, False):
            raise DesktopLost("the process has died")

    desktops.trouble = trouble
    trajectories, _ = play(Lockstep(), desktops, retries=2)
    assert [item.fault for item in trajectories] == [None, None, None]


def test_a_task_that_cannot_be_set_up_holds_up_nobody():
    desktops = Watched(size=3)

    def trouble(index: int, request: object) -> None:
        if isinstance(request, Reset) and request.task.id == "short":
            raise SetupFailed("not this one")

    desktops.trouble = trouble
    trajectories, _ = play(Lockstep(), desktops)
    assert [item.score is None for item in trajectories] == [True, False, False]


def test_waiting_for_others_does_not_use_up_the_time_of_an_episode():
    async def main() -> None:
        desktops, slow = ClickingDesktops(size=2), asyncio.Event()
        desktops.wait = lambda index, request: slow if request == Reset(make_task("slow")) else None
        sink, pace = MemorySink(), Lockstep()
        pool = DesktopPool([desktops], reset_timeout_s=30.0, step_timeout_s=30.0, restarts=0, sink=sink)
        runner = EpisodeRunner(
            pool=pool,
            generator=ListedGenerator(lambda episode: ["finish"]),
            agent=WordAgent(),
            chat=WordChat(),
            sink=sink,
            reward=RewardConfig(),
            timeout_s=0.2,
            pace=pace,
        )
        planner = Planner(run_seed=0, attempt=1, max_steps=4, sample_every=1)
        quick, other = planner.measurement(
            [make_task("quick"), make_task("slow")], attempts=1, split=Split.HELD_OUT, step=0, sampling=SAMPLING
        )
        waiting = [asyncio.create_task(runner.run(plan)) for plan in (quick, other)]
        # The slow one's own time runs out; the quick one waited for it and has all of its time left.
        found = await asyncio.wait_for(asyncio.gather(*waiting), 20)
        assert [item.fault is None for item in found] == [True, False]

    asyncio.run(main())


def test_scoring_is_asked_once_an_episode():
    desktops = Watched(size=3)
    play(Lockstep(), desktops)
    assert sorted(asked for asked in desktops.asked if asked.startswith("score")) == [
        "score long", "score other", "score short"
    ]  # fmt: skip
