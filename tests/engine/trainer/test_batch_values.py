"""What a step is trained on, in numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.trainer.batch_values import batch_values
from arpo_engine.trainer.effort import Effort
from arpo_engine.types import Group, Member, Step, Trajectory

SCREEN = np.zeros((2, 2, 3), dtype=np.uint8)


def step(prompt: int, reply: int) -> Step:
    return Step(
        pixels=SCREEN, prompt_ids=(1,) * prompt, reply_ids=(2,) * reply, reply_logprobs=(-1.0,) * reply,
        weight_version=0, text="", thought="", action=None,
    )  # fmt: skip


def member(reward: float, advantage: float, *steps: Step) -> Member:
    trajectory = Trajectory(
        episode_id="e", task_id="t", steps=steps, ended_by=EndedBy.FINISHED, score=reward, reward=reward
    )
    return Member(trajectory=trajectory, advantage=advantage)


def test_rewards_advantages_and_lengths_of_two_groups() -> None:
    first = Group(
        group_id="a", task_id="t", members=(member(1.0, 1.5, step(10, 4), step(6, 2)), member(0.0, -0.5, step(10, 2)))
    )
    second = Group(group_id="b", task_id="u", members=(member(0.5, 0.0, step(8, 4)), member(0.5, 0.0, step(8, 4))))
    values = batch_values([first, second])
    assert (values["batch/reward"], values["batch/reward_max"], values["batch/reward_min"]) == (0.5, 1.0, 0.0)
    assert values["batch/reward_spread"] == pytest.approx((0.5**0.5 + 0.0) / 2)  # n - 1: std of (1, 0) is sqrt(1/2)
    assert values["batch/flat_groups"] == 1.0
    assert values["batch/advantage"] == pytest.approx((1.5 * 6 - 0.5 * 2) / 16)  # over tokens
    assert (values["batch/advantage_max"], values["batch/advantage_min"]) == (1.5, -0.5)
    assert values["batch/turns"] == 1.25
    assert (values["batch/turn_tokens"], values["batch/turn_tokens_max"]) == (3.25, 4.0)
    assert (values["batch/prompt_tokens"], values["batch/prompt_tokens_max"]) == (10.5, 16.0)
    assert (values["batch/reply_tokens"], values["batch/tokens"]) == (16.0, 58.0)


def test_trajectories_without_a_word_divide_nothing() -> None:
    silent = batch_values([Group(group_id="a", task_id="t", members=(member(0.0, 0.0),))])
    assert silent["batch/advantage"] is None and "batch/turn_tokens" not in silent
    assert silent["batch/reward_spread"] == 0.0
    assert batch_values([]) == {}


def test_an_effort_names_its_parts_and_a_processor_has_no_gpu_memory() -> None:
    effort = Effort(torch.device("cpu"))
    for _ in range(2):
        with effort.part("update"):
            pass
    values = effort.values()
    assert set(values) == {"time/update_s", "memory/host_used_mb"}
    assert values["memory/host_used_mb"] > 0.0
