"""Measuring on desktops: several tries, going on where it was, stopping between attempts, and the fixed set."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from arpo_engine.contract.config.parts import RewardConfig
from arpo_engine.contract.events import ValidationFinished
from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.evaluation.attempt_log import AttemptLog
from arpo_engine.evaluation.compared import compared_path, first_difference, keep_compared, read_compared
from arpo_engine.evaluation.evaluator import Evaluator, Measured, Resuming
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.plans import Plan, Planner
from arpo_engine.rollout.scheduler import Scheduler
from tests.engine.fakes import ClickingDesktops, ListedGenerator, WordAgent, WordChat, make_task

SAMPLING = Sampling(temperature=0.5, top_p=0.9, max_new_tokens=4)
TASKS = [make_task("a"), make_task("b"), make_task("never", infeasible=True)]


class World:
    """Desktops, a policy that says `words`, and what was told."""

    def __init__(self, folder: Path, words: Callable[[str], list[str]] = lambda episode: ["click", "finish"]) -> None:
        self.folder = folder
        self.sink = MemorySink()
        self.generator = ListedGenerator(words)

    def measure(self, *, attempt: int = 1, attempts: int = 2, halted: Callable[[], bool] = lambda: False) -> Measured:
        async def main() -> Measured:
            pool = DesktopPool(
                [ClickingDesktops(size=2)], reset_timeout_s=30.0, step_timeout_s=30.0, restarts=1, sink=self.sink
            )
            runner = EpisodeRunner(
                pool=pool, generator=self.generator, agent=WordAgent(), chat=WordChat(), sink=self.sink,
                reward=RewardConfig(), timeout_s=30.0,
            )  # fmt: skip
            planner = Planner(run_seed=0, attempt=attempt, max_steps=4, sample_every=1)
            evaluator = Evaluator(Scheduler(runner, retries=0), planner, self.sink, self.folder)
            log = AttemptLog(self.folder / "attempts.jsonl", {"model": "m"})
            resuming = Resuming(log=log, halted=halted, at_once=2)
            return await evaluator.measure(
                TASKS, attempts=attempts, split=Split.EVALUATION, step=1, sampling=SAMPLING, resuming=resuming
            )

        return asyncio.run(main())


def test_every_task_is_tried_n_times_and_all_figures_are_told(tmp_path: Path):
    world = World(tmp_path, lambda episode: ["click", "finish"] if episode.endswith("r0") else ["finish"])
    measured = world.measure(attempts=3)
    assert measured.by_task == {"a": (1, 3), "b": (1, 3), "never": (0, 3)}
    (event,) = [event for event in world.sink.events if isinstance(event, ValidationFinished)]
    assert event.figures == measured.report
    assert event.figures.feasible.pass_at[3] == 1.0
    kept = json.loads((tmp_path / "evaluation_step_000001.json").read_text())
    assert kept["figures"]["feasible"]["interval"] == list(measured.feasible.interval)
    assert kept["sampling"]["top_p"] == 0.9


def test_a_second_start_tries_only_what_is_missing(tmp_path: Path):
    World(tmp_path).measure(attempts=1)
    second = World(tmp_path)
    measured = second.measure(attempt=2, attempts=3)
    assert len(second.generator.turns) == 2 * len(TASKS)
    assert all(not name.endswith("r0") for name in second.generator.turns)
    assert measured.feasible.attempts == 6
    third = World(tmp_path)
    again = third.measure(attempt=3, attempts=3)
    assert third.generator.turns == {}
    assert again.report == measured.report


def test_a_wish_to_stop_lets_running_attempts_end_and_begins_no_other(tmp_path: Path):
    world = World(tmp_path)
    measured = world.measure(attempts=4, halted=lambda: len(world.generator.turns) >= 3)
    tried = len(world.generator.turns)
    assert 3 <= tried <= 4
    assert measured.unfinished == 12 - tried
    again = World(tmp_path)
    assert again.measure(attempt=2, attempts=4).unfinished == 0
    assert len(again.generator.turns) == 12 - tried


def planned(step: int, *, compare: int = 2, tasks: int = 12, seed: int = 0) -> list[Plan]:
    planner = Planner(run_seed=seed, attempt=1, max_steps=8, sample_every=100)
    return planner.measurement(
        [make_task(f"t{number}") for number in range(tasks)],
        attempts=2, split=Split.HELD_OUT, step=step, sampling=SAMPLING, max_steps=3, compare=compare,
    )  # fmt: skip


def test_the_fixed_set_is_the_same_episodes_with_the_same_noise_at_every_step():
    first, later = ([plan for plan in planned(step) if plan.compared] for step in (0, 20))
    assert [(plan.task.id, plan.seed, plan.slot) for plan in first] == [
        (plan.task.id, plan.seed, plan.slot) for plan in later
    ]
    assert len(first) == 2
    assert all(plan.keep_frames for plan in first)
    others = [[plan.task.id for plan in planned(0, seed=seed) if plan.compared] for seed in range(6)]
    assert len({tuple(names) for names in others}) > 1


def test_a_task_stays_in_the_fixed_set_when_others_leave_the_split():
    names = {plan.task.id for plan in planned(0, compare=4) if plan.compared}
    fewer = {plan.task.id for plan in planned(0, compare=4, tasks=9) if plan.compared}
    assert names & {f"t{number}" for number in range(9)} <= fewer


def test_without_a_fixed_set_every_measurement_is_as_it_was():
    plans = planned(20, compare=0)
    assert not any(plan.compared for plan in plans)
    assert len({plan.seed for plan in plans}) == len(plans)
    assert {plan.seed for plan in plans}.isdisjoint(plan.seed for plan in planned(40, compare=0))
    assert {plan.max_steps for plan in plans} == {3}


def test_kept_episodes_are_laid_side_by_side(tmp_path: Path):
    from tests.engine.fakes import make_trajectory

    for step, score in ((0, 0.0), (20, 1.0)):
        for plan in planned(step):
            folder = compared_path(tmp_path, plan.split, step)
            keep_compared(folder, plan, make_trajectory(plan.episode_id, score, task=plan.task.id))
    courses = read_compared(tmp_path)
    assert len(courses) == 2
    assert [[episode["solved"] for episode in course.by_step.values()] for course in courses] == [[False, True]] * 2
    assert courses[0].by_step[0]["turns"][0]["reply_ids"] == [5, 6, 9]


def test_the_first_turn_that_says_something_else_is_found():
    def said(*texts: str) -> list[dict[str, str]]:
        return [{"text": text} for text in texts]

    assert first_difference(said("a", "b"), said("a", "c")) == 1
    assert first_difference(said("a"), said("a", "c")) == 1
    assert first_difference(said("a", "b"), said("a", "b")) is None
