"""One desktop in twenty breaks: no collection ends, and what an oracle earns does not move, in any mode."""

from __future__ import annotations

import asyncio
import random
import statistics

import pytest

from arpo_engine.algorithms.base import Collected
from arpo_engine.contract.config.parts import RewardConfig
from arpo_engine.contract.errors import DesktopLost, EvaluatorError, SetupFailed
from arpo_engine.contract.events import EpisodeEnded
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.host import Request, Reset, Score
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.group import collect_groups
from arpo_engine.rollout.pace import Lockstep
from arpo_engine.rollout.plans import Planner
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.rollout.stream import GroupStream
from tests.engine.fakes import ClickingDesktops, ListedGenerator, WordAgent, WordChat, make_task

SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=4)
SHARE = 0.05
TASKS = [make_task(f"t{number}") for number in range(20)]
SIZE = 8
KINDS = (Fault.DESKTOP_LOST, Fault.DESKTOP_STUCK, Fault.SETUP_FAILED, Fault.EVALUATOR_ERROR)


class Breaking:
    """Dooms one episode in twenty, in every way in turn."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"faults-{seed}")
        self._doomed: dict[str, Fault | None] = {}
        self.injected: list[Fault] = []
        self._never = asyncio.Event()

    def desktop(self, number: int) -> ClickingDesktops:
        host = ClickingDesktops(f"fake-{number}", size=1)
        host.trouble = lambda index, request: self._trouble(host.name, request)
        host.wait = lambda index, request: self._wait(host.name, request)
        return host

    def _wait(self, name: str, request: Request) -> asyncio.Event | None:
        if isinstance(request, Reset):
            kind = KINDS[len(self.injected) % len(KINDS)] if self._chance.random() < SHARE else None
            self._doomed[name] = kind
            if kind is not None:
                self.injected.append(kind)
        stuck = self._doomed[name] is Fault.DESKTOP_STUCK and not isinstance(request, Reset)
        return self._never if stuck else None

    def _trouble(self, name: str, request: Request) -> None:
        match self._doomed[name], request:
            case Fault.SETUP_FAILED, Reset():
                raise SetupFailed("no such file")
            case Fault.EVALUATOR_ERROR, Score():
                raise EvaluatorError("its window is gone")
            case Fault.DESKTOP_LOST, request if not isinstance(request, Reset):
                raise DesktopLost("the process has died")


def earned(task_id: str) -> float:
    """What the oracle earns: it solves every other task, and those take it longer, so that they meet more faults."""
    return float(int(task_id[1:]) % 2)


async def collect(mode: str, *, faulty: bool, retries: int) -> tuple[list[Collected], Breaking, MemorySink]:
    breaking, sink = Breaking(seed=1), MemorySink()
    hosts = [breaking.desktop(number) if faulty else ClickingDesktops(f"fake-{number}", 1) for number in range(8)]
    pool = DesktopPool(hosts, reset_timeout_s=30.0, step_timeout_s=0.5, restarts=9, sink=sink)
    planner = Planner(run_seed=0, attempt=1, max_steps=4, sample_every=99)
    plans = planner.groups(TASKS, size=SIZE, step=1, sampling=SAMPLING)
    tasks = {plan.group_id: plan.task.id for plan in plans}

    def script(episode: str) -> list[str]:
        solved = earned(tasks[episode.rpartition("-r")[0]])
        return ["click", "finish"] if solved else ["finish"]

    runner = EpisodeRunner(
        pool=pool,
        generator=ListedGenerator(script),
        agent=WordAgent(),
        chat=WordChat(),
        sink=sink,
        reward=RewardConfig(),
        timeout_s=30.0,
        pace=Lockstep() if mode == "lockstep" else None,
    )
    scheduler = Scheduler(runner, retries=retries)
    if mode == "stream":
        coming = iter(plans)
        stream = GroupStream(
            work=scheduler.until_healthy,
            next_plan=lambda: next(coming, None),
            desktops=lambda: pool.size,
            most_ready=lambda: 99,
        )
        groups = await stream.take(len(plans))
        await stream.close()
    else:
        groups = await collect_groups(scheduler, plans)
    await pool.close()
    return groups, breaking, sink


def mean(groups: list[Collected]) -> float:
    return statistics.fmean(item.reward or 0.0 for group in groups for item in group.fresh)


@pytest.mark.parametrize("mode", ["barrier", "lockstep", "stream"])
def test_the_mean_reward_of_an_oracle_does_not_move_and_every_episode_is_there(mode: str):
    groups, breaking, sink = asyncio.run(collect(mode, faulty=True, retries=4))
    healthy, _, _ = asyncio.run(collect(mode, faulty=False, retries=0))
    assert set(breaking.injected) == set(KINDS)
    assert mean(groups) == mean(healthy) == 0.5
    assert all(len(group.fresh) == SIZE for group in groups)
    assert all(item.reward == earned(group.task_id) for group in groups for item in group.fresh)
    faults = [event.fault for event in sink.events if isinstance(event, EpisodeEnded) and event.fault]
    assert set(faults) == set(KINDS)
    assert len(faults) == len(breaking.injected)


def test_without_a_second_try_a_group_shrinks_and_nobody_is_given_a_reward_for_a_fault():
    groups, breaking, _ = asyncio.run(collect("barrier", faulty=True, retries=0))
    assert sum(group.faults for group in groups) == len(breaking.injected) > 0
    assert sum(len(group.fresh) + group.faults for group in groups) == len(TASKS) * SIZE
    assert all(item.reward == earned(group.task_id) for group in groups for item in group.fresh)
