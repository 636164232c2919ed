"""Many episodes: order of the answers, no lockstep, shrinking groups, names and seeds."""

from __future__ import annotations

import asyncio

from arpo_engine.contract.config.parts import RewardConfig
from arpo_engine.contract.errors import SetupFailed
from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.host import Act, Reset
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.group import collect_groups
from arpo_engine.rollout.plans import Planner, seed_of
from arpo_engine.rollout.records import read_tokens, tokens_path, write_tokens
from arpo_engine.rollout.scheduler import Scheduler
from tests.engine.fakes import ClickingDesktops, ListedGenerator, WordAgent, WordChat, make_task, make_trajectory

SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=4)


def build(desktops: ClickingDesktops, generator: ListedGenerator, *, retries: int = 0) -> Scheduler:
    sink = MemorySink()
    pool = DesktopPool([desktops], reset_timeout_s=30.0, step_timeout_s=30.0, restarts=1, sink=sink)
    runner = EpisodeRunner(
        pool=pool,
        generator=generator,
        agent=WordAgent(),
        chat=WordChat(),
        sink=sink,
        reward=RewardConfig(),
        timeout_s=30.0,
    )
    return Scheduler(runner, retries=retries)


def planner(**changes: int) -> Planner:
    return Planner(**{"run_seed": 0, "attempt": 1, "max_steps": 4, "sample_every": 1, **changes})


def test_answers_come_in_the_order_of_the_plans_and_no_episode_waits_for_another():
    async def main() -> list[str]:
        desktops = ClickingDesktops(size=2)
        done = asyncio.Event()
        tasks = [make_task("slow"), make_task("quick")]
        generator = ListedGenerator(lambda episode: ["click", "finish"])

        def wait(index: int, request: object) -> asyncio.Event | None:
            # The slow desktop acts only once the quick one's episode was scored.
            return done if isinstance(request, Act) and desktops.tasks[index].id == "slow" else None

        def trouble(index: int, request: object) -> None:
            if not isinstance(request, Reset | Act) and desktops.tasks[index].id == "quick":
                done.set()

        desktops.wait, desktops.trouble = wait, trouble
        plans = planner().measurement(tasks, attempts=1, split=Split.HELD_OUT, step=0, sampling=SAMPLING)
        trajectories = await build(desktops, generator).collect(plans)
        assert desktops.order.index("score quick") < desktops.order.index("score slow")
        return [trajectory.task_id for trajectory in trajectories]

    assert asyncio.run(main()) == ["slow", "quick"]


def test_more_episodes_than_desktops_all_get_their_turn():
    generator = ListedGenerator(lambda episode: ["click", "finish"])
    plans = planner().measurement([make_task()], attempts=9, split=Split.HELD_OUT, step=0, sampling=SAMPLING)

    async def main() -> list[float | None]:
        return [item.score for item in await build(ClickingDesktops(size=2), generator).collect(plans)]

    assert asyncio.run(main()) == [1.0] * 9


def test_a_group_shrinks_by_what_could_not_be_scored():
    async def main():
        desktops = ClickingDesktops()
        generator = ListedGenerator(lambda episode: ["click", "finish"])
        broken = iter([True])

        def trouble(index: int, request: object) -> None:
            if isinstance(request, Reset) and next(broken, False):
                raise SetupFailed("not this one")

        desktops.trouble = trouble
        plans = planner().groups([make_task()], size=4, step=3, sampling=SAMPLING)
        return await collect_groups(build(desktops, generator), plans)

    (collected,) = asyncio.run(main())
    assert (len(collected.fresh), collected.faults, collected.group_id) == (3, 1, "a1-s3-g0")


def test_names_carry_the_attempt_and_seeds_do_not():
    tasks = [make_task("a"), make_task("b")]
    first = planner(attempt=1).groups(tasks, size=2, step=5, sampling=SAMPLING)
    second = planner(attempt=2).groups(tasks, size=2, step=5, sampling=SAMPLING)
    names = [[plan.episode_id for group in groups for plan in group.episodes] for groups in (first, second)]
    seeds = [[plan.seed for group in groups for plan in group.episodes] for groups in (first, second)]
    assert not set(names[0]) & set(names[1])
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 4


def test_a_retry_draws_other_noise():
    plan = planner().groups([make_task()], size=2, step=1, sampling=SAMPLING)[0].episodes[0]
    again = plan.again().again()
    assert (again.episode_id, again.retry_of, again.retries) == (f"{plan.episode_id}~2", f"{plan.episode_id}~1", 2)
    assert len({plan.seed, plan.again().seed, again.seed}) == 3


def test_every_so_many_th_episode_keeps_its_screenshots_and_not_always_the_same_sibling():
    made = planner(sample_every=4).groups([make_task(), make_task()], size=4, step=0, sampling=SAMPLING)
    assert [[plan.keep_frames for plan in group.episodes] for group in made] == [
        [True, False, False, False],
        [False, False, False, True],
    ]


def test_seeds_fit_a_signed_number_of_64_bits():
    assert all(0 <= seed_of("a", number) < 2**63 for number in range(100))


def test_tokens_of_a_step_can_be_read_back(tmp_path):
    trajectories = [make_trajectory("e1", 1.0), make_trajectory("empty", 0.0, steps=()), make_trajectory("e2", 0.0)]
    path = tokens_path(tmp_path, 12)
    write_tokens(path, trajectories)
    episodes = read_tokens(path)
    assert list(episodes) == ["e1", "empty", "e2"]
    assert episodes["empty"] == []
    (turn,) = episodes["e2"]
    assert (turn["prompt_ids"], turn["reply_ids"], turn["weight_version"]) == ([1, 2, 3], [5, 6, 9], 0)
    assert turn["reply_logprobs"] == [-0.5, -0.5, -0.5]
