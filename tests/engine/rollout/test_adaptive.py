"""More rollouts for groups that were rewarded alike: who gets them, and when it ends. And the greedy one of ReMax."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from arpo_engine.contract.outcomes import Split
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.adaptive import rewarded_alike, sample_more
from arpo_engine.rollout.group import assemble, collect_groups
from arpo_engine.rollout.plans import GroupPlan, Plan, Planner
from arpo_engine.types import Trajectory
from tests.engine.fakes import make_task, make_trajectory

SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=8)


class Scripted:
    """Runs plans by looking up their reward; the last one of a task's script repeats."""

    def __init__(self, **rewards: list[float]) -> None:
        self.rewards = rewards
        self.ran: list[str] = []

    async def collect(self, plans: Iterable[Plan]) -> list[Trajectory]:
        return [self._run(plan) for plan in plans]

    def _run(self, plan: Plan) -> Trajectory:
        self.ran.append(plan.episode_id)
        script = self.rewards[plan.task.id]
        reward = script.pop(0) if len(script) > 1 else script[0]
        return make_trajectory(plan.episode_id, reward, task=plan.task.id)


def planner() -> Planner:
    return Planner(run_seed=0, attempt=1, max_steps=4, sample_every=1)


async def grown(scheduler: Scripted, extra: int) -> dict[str, list[float]]:
    plan = planner()
    plans = plan.groups([make_task(name) for name in scheduler.rewards], size=2, step=1, sampling=SAMPLING)
    collected = await collect_groups(scheduler, plans)
    told: list[int] = []

    def tell(more: Sequence[GroupPlan]) -> None:
        told.append(sum(len(group.all_episodes) for group in more))

    began = len(scheduler.ran)
    groups = await sample_more(scheduler, plan, plans, collected, extra=extra, tell=tell)
    assert sum(told) == len(scheduler.ran) - began
    return {group.task_id: [item.score for item in group.fresh] for group in groups}


@pytest.mark.asyncio
async def test_only_groups_that_were_rewarded_alike_grow_and_only_until_they_differ():
    scheduler = Scripted(mixed=[1.0, 0.0], late=[0.0, 0.0, 1.0, 0.0])
    assert await grown(scheduler, extra=8) == {"mixed": [1.0, 0.0], "late": [0.0, 0.0, 1.0, 0.0]}
    assert len(scheduler.ran) == len(set(scheduler.ran)) == 6


@pytest.mark.asyncio
async def test_a_hopeless_task_costs_no_more_than_its_bound():
    assert await grown(Scripted(hopeless=[0.0]), extra=5) == {"hopeless": [0.0] * 7}


def test_a_lone_member_has_nothing_to_compare():
    plan = planner().groups([make_task()], size=2, step=1, sampling=SAMPLING)[0]
    assert rewarded_alike(assemble(plan, [make_trajectory("a", 1.0), make_trajectory("b", None)]))
    assert not rewarded_alike(assemble(plan, [make_trajectory("a", 1.0), make_trajectory("b", 0.0)]))


@pytest.mark.asyncio
async def test_a_greedy_rollout_stands_beside_its_group_and_never_in_it():
    scheduler = Scripted(t1=[1.0, 0.0, 0.5])
    plans = planner().groups([make_task()], size=2, step=1, sampling=SAMPLING, greedy=True)
    baseline = plans[0].baseline
    assert (baseline.sampling.temperature, baseline.group_id, baseline.split) == (0.0, None, Split.TRAIN)
    (group,) = await collect_groups(scheduler, plans)
    assert ([item.score for item in group.fresh], group.baseline.score) == ([1.0, 0.0], 0.5)


def test_a_greedy_rollout_that_was_run_again_is_still_the_baseline():
    plan = planner().groups([make_task()], size=1, step=1, sampling=SAMPLING, greedy=True)[0]
    again = make_trajectory(f"{plan.baseline.episode_id}~1", 0.5)
    group = assemble(plan, [make_trajectory(plan.episodes[0].episode_id, 1.0), again])
    assert (len(group.fresh), group.baseline.score) == (1, 0.5)


def test_a_reward_that_is_no_finite_number_leaves_its_group_as_a_fault():
    plan = planner().groups([make_task()], size=2, step=1, sampling=SAMPLING)[0]
    spoiled = replace(make_trajectory("b", 1.0), reward=float("nan"))
    group = assemble(plan, [make_trajectory("a", 1.0), spoiled])
    assert (len(group.fresh), group.faults) == (1, 1)
