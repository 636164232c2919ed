"""A stream of groups: desktops are kept busy, groups are handed over whole, and nothing runs too far ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.group import ClosingRule, collect_group, collect_groups
from arpo_engine.rollout.plans import GroupPlan, Plan, Planner
from arpo_engine.rollout.stream import Begun, GroupStream
from arpo_engine.types import Trajectory
from tests.engine.fakes import make_task, make_trajectory

SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=4)


class Floor:
    """Episodes that end when they are told to."""

    def __init__(self, desktops: int = 4, *, groups: int = 99, size: int = 2, most_ready: float = 2.0) -> None:
        self.ends: dict[str, asyncio.Future[Trajectory]] = {}
        self.begun: list[str] = []
        self._plans = self._endless(groups, size)
        self.stream = GroupStream(
            work=self.run, next_plan=lambda: next(self._plans, None), desktops=lambda: desktops,
            most_ready=lambda: most_ready,
        )  # fmt: skip

    def _endless(self, groups: int, size: int) -> Iterator[GroupPlan]:
        planner = Planner(run_seed=0, attempt=1, max_steps=4, sample_every=1)
        for number in range(groups):
            yield planner.groups([make_task(f"t{number}")], size=size, step=number + 1, sampling=SAMPLING)[0]

    async def run(self, plan: Plan) -> Trajectory:
        self.begun.append(plan.episode_id)
        self.ends[plan.episode_id] = asyncio.get_running_loop().create_future()
        return await self.ends[plan.episode_id]

    def end(self, *names: str, score: float | None = 1.0) -> None:
        for name in names:
            self.ends.pop(name).set_result(make_trajectory(name, score))


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def play(work: Callable[[Floor], Awaitable[None]], **settings: float) -> None:
    async def main() -> None:
        floor = Floor(**settings)
        await asyncio.wait_for(work(floor), 20)
        await floor.stream.close()

    asyncio.run(main())


def test_a_group_is_begun_as_soon_as_a_desktop_would_idle():
    async def work(floor: Floor) -> None:
        floor.stream.resume()
        await settled()
        assert len(floor.begun) == 4
        floor.end("a1-s1-g0-r0")
        await settled()
        assert floor.begun[4:] == ["a1-s3-g0-r0", "a1-s3-g0-r1"]

    play(work)


def test_groups_are_handed_over_whole_and_in_the_order_in_which_they_ended():
    async def work(floor: Floor) -> None:
        taking = asyncio.create_task(floor.stream.take(1))
        await settled()
        floor.end("a1-s1-g0-r0", "a1-s2-g0-r1")
        await settled()
        assert not taking.done()
        floor.end("a1-s2-g0-r0")
        (group,) = await taking
        assert (group.task_id, [item.episode_id for item in group.fresh]) == ("t1", ["a1-s2-g0-r0", "a1-s2-g0-r1"])

    play(work)


def test_nothing_is_begun_while_enough_lies_ready_until_some_is_taken():
    async def work(floor: Floor) -> None:
        floor.stream.resume()
        await settled()
        floor.end(*list(floor.ends))
        await settled()
        # Two groups were ready before the last desktop was free again, which is the limit.
        assert floor.stream.ready == 2
        before = len(floor.begun)
        floor.end(*list(floor.ends))
        await settled()
        assert len(floor.begun) == before
        assert len(await floor.stream.take(3)) == 3
        assert len(floor.begun) == before
        floor.stream.resume()
        await settled()
        assert len(floor.begun) > before

    play(work, most_ready=2.0)


def test_a_paused_stream_begins_nothing_and_goes_on_where_it_was():
    async def work(floor: Floor) -> None:
        floor.stream.resume()
        await settled()
        floor.stream.pause()
        floor.end(*list(floor.ends))
        await settled()
        assert len(floor.begun) == 4
        floor.stream.resume()
        await settled()
        assert len(floor.begun) == 8

    play(work, most_ready=9.0)


def test_it_ends_when_no_more_groups_are_wanted():
    async def work(floor: Floor) -> None:
        taking = asyncio.create_task(floor.stream.take(3))
        await settled()
        floor.end(*list(floor.ends))
        assert [group.task_id for group in await taking] == ["t0"]

    play(work, groups=1)


def test_an_error_that_is_no_fault_reaches_the_taker():
    async def work(floor: Floor) -> None:
        taking = asyncio.create_task(floor.stream.take(1))
        await settled()
        floor.ends["a1-s1-g0-r0"].set_exception(RuntimeError("a mistake of ours"))
        with pytest.raises(RuntimeError, match="a mistake of ours"):
            await taking

    play(work)


def test_without_a_desktop_one_group_is_tried_so_that_its_faults_tell_why():
    async def work(floor: Floor) -> None:
        taking = asyncio.create_task(floor.stream.take(1))
        await settled()
        floor.end(*list(floor.ends), score=None)
        (group,) = await taking
        assert (group.fresh, group.faults) == ((), 2)

    play(work, desktops=0)


def test_what_was_finished_is_kept_and_only_the_rest_is_run_again():
    async def work(floor: Floor) -> None:
        floor.stream.resume()
        await settled()
        floor.end("a1-s1-g0-r1")
        floor.end("a1-s2-g0-r0", score=None)
        await settled()
        await floor.stream.close()
        held = floor.stream.held()
        assert {begun.plan.group_id: sorted(begun.finished) for begun in held}["a1-s1-g0"] == [1]
        assert {begun.plan.group_id: sorted(begun.finished) for begun in held}["a1-s2-g0"] == []
        again = Floor()
        again.stream.go_on(held)
        taking = asyncio.create_task(again.stream.take(1))
        await settled()
        assert "a1-s1-g0-r1" not in again.begun
        again.end("a1-s1-g0-r0")
        (group,) = await taking
        assert sorted(item.episode_id for item in group.fresh) == ["a1-s1-g0-r0", "a1-s1-g0-r1"]
        await again.stream.close()

    play(work)


def test_a_group_that_was_whole_is_ready_at_once_after_a_resume():
    async def work(floor: Floor) -> None:
        plan = next(floor._plans)
        finished = {slot: make_trajectory(f"old-{slot}", 1.0) for slot in range(2)}
        floor.stream.go_on([Begun(plan=plan, finished=finished)])
        (group,) = await floor.stream.take(1)
        assert [item.episode_id for item in group.fresh] == ["old-0", "old-1"]
        assert group.group_id == plan.group_id

    play(work)


def group_plan(size: int = 4) -> GroupPlan:
    planner = Planner(run_seed=0, attempt=1, max_steps=4, sample_every=1)
    return planner.groups([make_task()], size=size, step=1, sampling=SAMPLING)[0]


def test_a_group_may_close_short_when_enough_are_over_and_the_rest_is_no_failure():
    async def main() -> None:
        never, cancelled = asyncio.Event(), []

        async def work(plan: Plan) -> Trajectory:
            if plan.slot == 3:
                try:
                    await never.wait()
                except asyncio.CancelledError:
                    cancelled.append(plan.episode_id)
                    raise
            return make_trajectory(plan.episode_id, 1.0)

        group = await collect_group(group_plan(), work, ClosingRule(share=0.75, wait_s=0.0))
        assert (len(group.fresh), group.faults, group.dropped, cancelled) == (3, 0, 1, ["a1-s1-g0-r3"])

    asyncio.run(main())


def test_without_a_rule_a_group_waits_for_all_and_drops_nobody():
    async def work(plan: Plan) -> Trajectory:
        await asyncio.sleep(0)
        return make_trajectory(plan.episode_id, 1.0)

    group = asyncio.run(collect_group(group_plan(), work, None))
    assert (len(group.fresh), group.dropped) == (4, 0)


def test_an_error_ends_its_siblings():
    async def main() -> None:
        ended: list[int] = []

        async def work(plan: Plan) -> Trajectory:
            if plan.slot == 0:
                raise RuntimeError("a mistake of ours")
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(plan.slot)
            return make_trajectory("never", 1.0)

        with pytest.raises(RuntimeError, match="a mistake"):
            await collect_group(group_plan(), work, ClosingRule(share=0.5, wait_s=9.0))
        assert sorted(ended) == [1, 2, 3]

    asyncio.run(main())


class Alone:
    """A scheduler that only knows how to do things side by side."""

    async def each(self, plans, work):
        return list(await asyncio.gather(*(work(plan) for plan in plans)))


def test_a_batch_closes_each_of_its_groups_by_itself():
    async def work(plan: Plan) -> Trajectory:
        if plan.episode_id == "a1-s1-g1-r0":
            await asyncio.Event().wait()
        return make_trajectory(plan.episode_id, 1.0)

    planner = Planner(run_seed=0, attempt=1, max_steps=4, sample_every=1)
    plans = planner.groups([make_task("a"), make_task("b")], size=2, step=1, sampling=SAMPLING)
    rule = ClosingRule(share=0.5, wait_s=0.0)
    groups = asyncio.run(collect_groups(Alone(), plans, work=work, closing=rule))
    assert [(group.task_id, group.dropped) for group in groups][1] == ("b", 1)
