"""Replay as published: who is remembered, who is rescued, and that `enabled: false` is really off."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arpo_engine.algorithms import Arpo, Grpo
from arpo_engine.algorithms.base import Collected
from arpo_engine.algorithms.replay import Now, ReplayBuffer
from arpo_engine.contract.config import ArpoConfig, GrpoConfig, ReplayConfig
from arpo_engine.types import Trajectory
from tests.engine.fakes import make_step, make_trajectory

CASES = json.loads((Path(__file__).parents[2] / "data" / "algo_cases.json").read_text(encoding="utf-8"))["cases"]
REPLAY_CASES = [case for case in CASES if case["function"].startswith("RayPPOTrainer.apply_replay")]


def group(step: int, task: str, scores: list[float], *, format_rewards: list[float] | None = None) -> Collected:
    formats = format_rewards or [0.0] * len(scores)
    fresh = tuple(
        make_trajectory(f"s{step}.{task}.{slot}", score, task=task, format_reward=form)
        for slot, (score, form) in enumerate(zip(scores, formats, strict=True))
    )
    return Collected(group_id=f"s{step}.{task}", task_id=task, fresh=fresh)


def arpo(mode: str = "corrected", **replay: object) -> Arpo:
    return Arpo(ArpoConfig(mode=mode, replay=ReplayConfig(**replay)), seed=0)


@pytest.mark.parametrize("case", REPLAY_CASES, ids=[case["name"] for case in REPLAY_CASES])
def test_injection_and_memory_equal_those_of_the_published_code(case: dict):
    algorithm = arpo("paper")
    for number, (tasks, expected) in enumerate(zip(case["inputs"]["steps"], case["outputs"]["per_step"], strict=True)):
        # The reference keeps scores as float32; 0.1 is above its own threshold there, and so it is here.
        collected = [group(number, task, [float(np.float32(score)) for score in scores]) for task, scores in tasks]
        prepared = algorithm.prepare(collected)
        rows = [member.trajectory.episode_id for made in prepared.groups for member in made.members]
        assert [fresh_or_remembered(row, number) for row in rows] == [
            fresh_or_remembered(row, number) for row in expected["batch_rows"]
        ]
        for task, episodes in expected["buffer"].items():
            assert algorithm._buffer.episodes_of(task) == episodes
        assert len(algorithm._buffer) == sum(map(len, expected["buffer"].values()))


def fresh_or_remembered(row: str, step: int) -> str:
    """The reference draws its remembered row with another random generator; which one it is may differ."""
    return row if row.startswith(f"s{step}.") else "remembered"


def test_an_all_failed_group_gets_one_success_in_place_of_its_first_member_and_an_advantage():
    algorithm = arpo("paper")
    algorithm.prepare([group(1, "t1", [1.0, 0.0, 0.0, 0.0])])
    (rescued,) = algorithm.prepare([group(2, "t1", [0.0] * 4)]).groups
    assert rescued.members[0].trajectory.episode_id == "s1.t1.0"
    assert rescued.members[0].replaced == "s2.t1.0"
    assert [member.replaced for member in rescued.members[1:]] == [None] * 3
    assert rescued.members[0].advantage == pytest.approx(1.5, abs=1e-4)
    assert not rescued.zero_gradient
    assert [trajectory.episode_id for trajectory in rescued.fresh] == [f"s2.t1.{slot}" for slot in range(4)]


def test_a_malformed_sibling_does_not_prevent_the_rescue_because_the_rule_looks_at_scores():
    algorithm = arpo()
    algorithm.prepare([group(1, "t1", [1.0, 0.0])])
    (rescued,) = algorithm.prepare([group(2, "t1", [0.0] * 4, format_rewards=[0.0, -1.0, 0.0, 0.0])]).groups
    (changed,) = [member for member in rescued.members if member.replaced is not None]
    assert changed.trajectory.episode_id == "s1.t1.0"
    # What gave up its place may have been worse than its siblings; what took it is better.
    assert changed.advantage_before <= 0.5 < changed.advantage


def test_a_group_with_a_success_of_its_own_is_left_alone():
    algorithm = arpo()
    algorithm.prepare([group(1, "t1", [1.0, 0.0])])
    (untouched,) = algorithm.prepare([group(2, "t1", [0.0, 1.0])]).groups
    assert all(member.replaced is None for member in untouched.members)


def test_a_success_is_never_given_back_to_its_own_group():
    buffer = ReplayBuffer(ReplayConfig(capacity_per_task=8), seed=0)
    buffer.remember([make_trajectory("own", 1.0)])
    assert buffer.draw("t1", without={"own"}) is None
    assert buffer.draw("t1") is not None


def test_successes_of_this_step_are_remembered_only_after_injection():
    (first,) = arpo().prepare([group(1, "t1", [0.15, 0.15])]).groups
    assert all(member.replaced is None for member in first.members)


def test_the_oldest_success_leaves_first_and_its_screenshots_with_it():
    buffer = ReplayBuffer(ReplayConfig(capacity_per_task=2), seed=0)
    steps = [(make_step(shade=number),) for number in range(3)]
    change = buffer.remember(make_trajectory(f"e{number}", 1.0, steps=steps[number]) for number in range(3))
    assert buffer.episodes_of("t1") == ["e1", "e2"]
    assert change.evicted == {"t1": ["e0"]}
    assert change.stock == {"t1": 2}
    assert len(buffer.state_dict()["frames"]["blobs"]) == 2


def test_a_remembered_trajectory_comes_back_as_it_was():
    buffer = ReplayBuffer(ReplayConfig(capacity_per_task=2), seed=0)
    original = make_trajectory("e1", 1.0, steps=(make_step(shade=3), make_step(shade=4, logprobs=(-0.1, -0.2, -0.3))))
    buffer.remember([original])
    returned = buffer.draw("t1")
    assert same(returned, original)


def test_a_resumed_memory_draws_what_an_unbroken_one_would():
    first = ReplayBuffer(ReplayConfig(capacity_per_task=8), seed=3)
    first.remember(make_trajectory(f"e{number}", 1.0, steps=(make_step(shade=number),)) for number in range(6))
    first.draw("t1")
    second = ReplayBuffer(ReplayConfig(capacity_per_task=8), seed=99)
    second.load_state_dict(first.state_dict())
    assert [first.draw("t1").episode_id for _ in range(20)] == [second.draw("t1").episode_id for _ in range(20)]


def test_replay_switched_off_is_bit_equal_to_grpo_and_remembers_nothing():
    off, plain = arpo(enabled=False), Grpo(GrpoConfig(), seed=0)
    for step, scores in enumerate([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]):
        made, wanted = off.prepare([group(step, "t1", scores)]), plain.prepare([group(step, "t1", scores)])
        assert [(member.trajectory.episode_id, member.advantage) for member in made.groups[0].members] == [
            (member.trajectory.episode_id, member.advantage) for member in wanted.groups[0].members
        ]
        assert (made.memory_size, made.injected, dict(made.admitted)) == (0, 0, {})
    assert off.state_dict() == {}


def test_scores_at_the_threshold_are_not_remembered():
    buffer = ReplayBuffer(ReplayConfig(capacity_per_task=8), seed=0)
    buffer.remember([make_trajectory("at", 0.1), make_trajectory("none", None), make_trajectory("above", 0.11)])
    assert buffer.episodes_of("t1") == ["above"]


def same(one: Trajectory, other: Trajectory) -> bool:
    frames = all(np.array_equal(mine.pixels, its.pixels) for mine, its in zip(one.steps, other.steps, strict=True))
    blank = np.zeros((1, 1, 3), dtype=np.uint8)

    def without_pixels(trajectory: Trajectory) -> Trajectory:
        return replace(trajectory, steps=tuple(replace(step, pixels=blank) for step in trajectory.steps))

    mine, its = without_pixels(one), without_pixels(other)
    return frames and repr(mine) == repr(its)


def injected_slots(algorithm: Arpo, step: int, size: int = 8, task: str = "t1") -> list[int]:
    (rescued,) = algorithm.prepare([group(step, task, [0.0] * size)]).groups
    return [slot for slot, member in enumerate(rescued.members) if member.replaced is not None]


def test_the_place_that_is_given_up_is_drawn_unless_the_paper_is_followed():
    drawn, first = arpo(), arpo("paper")
    for algorithm in (drawn, first):
        algorithm.prepare([group(0, "t1", [1.0, 0.0])])
    assert len({slot for step in range(1, 20) for slot in injected_slots(drawn, step)}) > 4
    assert {slot for step in range(1, 20) for slot in injected_slots(first, step)} == {0}


def test_a_named_option_wins_over_the_mode():
    algorithm = arpo("paper", slot="random")
    algorithm.prepare([group(0, "t1", [1.0, 0.0])])
    assert {slot for step in range(1, 20) for slot in injected_slots(algorithm, step)} != {0}


def test_a_resumed_run_gives_up_the_same_places():
    whole = arpo()
    whole.prepare([group(0, "t1", [1.0, 0.0])])
    injected_slots(whole, 1)
    resumed = Arpo(ArpoConfig(), seed=5)
    resumed.load_state_dict(whole.state_dict())
    steps = range(2, 12)
    assert [injected_slots(whole, step) for step in steps] == [injected_slots(resumed, step) for step in steps]


def test_a_quota_replaces_several_failures_with_different_successes_and_leaves_one():
    algorithm = arpo(per_group=5)
    algorithm.prepare([group(0, "t1", [1.0] * 6)])
    (rescued,) = algorithm.prepare([group(1, "t1", [0.0] * 4)]).groups
    back = [member.trajectory.episode_id for member in rescued.members if member.replaced is not None]
    assert len(back) == len(set(back)) == 3


def test_every_member_of_a_rescued_group_knows_the_advantage_before():
    algorithm = arpo("paper")
    algorithm.prepare([group(0, "t1", [1.0, 0.0])])
    (rescued,) = algorithm.prepare([group(1, "t1", [0.0] * 4, format_rewards=[-1.0, 0.0, 0.0, 0.0])]).groups
    assert rescued.members[0].advantage_before == pytest.approx(-1.5, abs=1e-4)
    assert rescued.members[0].advantage == pytest.approx(1.5, abs=1e-4)
    assert [member.advantage_before for member in rescued.members[1:]] == pytest.approx([0.5] * 3, abs=1e-4)


def test_in_a_group_that_replay_left_alone_nothing_stood_before():
    (plain,) = arpo("paper").prepare([group(0, "t1", [1.0, 0.0])]).groups
    assert [member.advantage_before for member in plain.members] == [None, None]


def buffer_of(*successes: Trajectory, **settings: object) -> ReplayBuffer:
    buffer = ReplayBuffer(ReplayConfig(**settings), seed=0)
    buffer.remember(successes)
    return buffer


def success(name: str, *, step: int = 0, version: int = 0) -> Trajectory:
    turn = replace(make_step(), weight_version=version)
    return replace(make_trajectory(name, 1.0, steps=(turn,)), collected_at_step=step)


def test_the_newest_success_comes_back_if_that_is_the_choice():
    buffer = buffer_of(success("old"), success("new"), choice="newest")
    assert {buffer.draw("t1").episode_id for _ in range(10)} == {"new"}


def test_the_least_used_success_comes_back_and_the_count_survives_a_resume():
    buffer = buffer_of(*[success(f"e{number}") for number in range(4)], choice="least_used")
    first = [buffer.draw("t1").episode_id for _ in range(3)]
    resumed = ReplayBuffer(ReplayConfig(choice="least_used"), seed=9)
    resumed.load_state_dict(buffer.state_dict())
    assert sorted([*first, resumed.draw("t1").episode_id]) == ["e0", "e1", "e2", "e3"]


def test_a_success_that_is_too_old_or_too_far_from_the_policy_stays_away():
    by_age = buffer_of(success("old", step=1), success("young", step=8), max_age_steps=3)
    assert {by_age.draw("t1", now=Now(10, 0)).episode_id for _ in range(10)} == {"young"}
    assert by_age.draw("t1", now=Now(20, 0)) is None
    by_version = buffer_of(success("far", version=1), success("near", version=8), max_staleness=2)
    assert {by_version.draw("t1", now=Now(0, 10)).episode_id for _ in range(10)} == {"near"}


def test_a_buffer_that_was_never_asked_changes_no_advantage():
    with_stock, without = arpo(), arpo(enabled=False)
    with_stock.prepare([group(0, "t1", [1.0, 0.0])])
    mixed = group(1, "t1", [0.0, 1.0, 0.0])
    (mine,), (its,) = with_stock.prepare([mixed]).groups, without.prepare([mixed]).groups
    assert mine.members == its.members


def test_a_penalty_is_told_which_trajectories_were_remembered():
    algorithm = Arpo(ArpoConfig(mode="paper", kl={"place": "reward"}), seed=0)
    asked: list[tuple[list[str], set[str]]] = []

    def penalty(trajectories: Sequence[Trajectory], remembered: Collection[str]) -> list[float]:
        asked.append(([item.episode_id for item in trajectories], set(remembered)))
        return [0.0] * len(trajectories)

    algorithm.prepare([Collected(group_id="g1", task_id="t1", fresh=(make_trajectory("old", 1.0),))], penalty)
    fresh = tuple(make_trajectory(f"new{slot}", 0.0) for slot in range(2))
    algorithm.prepare([Collected(group_id="g2", task_id="t1", fresh=fresh)], penalty)
    assert asked == [(["old"], set()), (["new0", "new1", "old"], {"old"})]
