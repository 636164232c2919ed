"""Whole small trainings under settings that are not the default, and what an injection says about itself."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.algorithms.arpo import Arpo
from arpo_engine.algorithms.base import Collected
from arpo_engine.contract.config import ArpoConfig, RunConfig
from arpo_engine.contract.events import EpisodeStarted, GroupCollected, MetricsLogged, PhaseChanged
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.trainer import announce
from arpo_engine.trainer.loop import train
from arpo_engine.trainer.stop import StopSwitch
from tests.engine.fakes import make_trajectory
from tests.engine.trainer.world import small_config, world


def run(config: RunConfig, run_dir: Path) -> MemorySink:
    async def main() -> MemorySink:
        async with world(config, run_dir) as parts:
            ending = await train(parts, StopSwitch(parts.sink, minutes=None), resuming=False)
            assert ending.outcome is RunOutcome.FINISHED
            return parts.sink

    return asyncio.run(main())


def numbers(sink: MemorySink) -> list[dict[str, float | None]]:
    return [event.values for event in sink.events if isinstance(event, MetricsLogged)]


@pytest.mark.parametrize(
    "algorithm",
    [
        {"kind": "arpo", "mode": "paper", "loss": {"aggregation": "seq_mean"}},
        {"kind": "grpo", "estimator": "rloo", "loss": {"kind": "gspo"}, "max_learnt_tokens": 400},
        {"kind": "grpo", "estimator": "reinforce_pp", "loss": {"kind": "cispo"}, "retokenise": True},
    ],
    ids=["paper", "rloo and gspo", "reinforce_pp and cispo"],
)
def test_a_training_runs_to_its_end_with_finite_numbers(algorithm: dict[str, Any], tmp_path: Path):
    sink = run(small_config(algorithm=algorithm, limits={"steps": 2}), tmp_path)
    learnt = [values for values in numbers(sink) if values["train/updates"]]
    assert len(numbers(sink)) == 2
    assert all(math.isfinite(values["train/loss"]) for values in learnt)


def test_a_greedy_rollout_is_run_for_each_task_and_a_reward_pays_for_its_distance(tmp_path: Path):
    kl = {"place": "reward", "coef": 0.1}
    algorithm = {"kind": "grpo", "estimator": "remax", "kl": kl, "zero_variance": "sample_more", "extra_rollouts": 2}
    optimizer = {"kind": "adamw_bf16", "warmup": "from_zero"}
    sink = run(small_config(algorithm=algorithm, optimizer=optimizer, limits={"steps": 2}), tmp_path)
    started = [event.episode_id for event in sink.events if isinstance(event, EpisodeStarted)]
    assert sorted(name for name in started if name.endswith("-greedy")) == [
        f"a1-s{step}-g{place}-greedy" for step in (1, 2) for place in (0, 1)
    ]
    first, second = numbers(sink)
    assert (first["train/lr"], first["train/kl_coef"]) == (0.0, 0.1)
    # The reference is the model of the config, the policy of these tests is untaught.
    assert first["train/reference_kl"] > 1.0
    assert second["train/reference_kl"] > 1.0


def test_the_announced_rollouts_of_a_step_are_those_that_begin(tmp_path: Path):
    algorithm = {"kind": "grpo", "estimator": "remax", "zero_variance": "sample_more", "extra_rollouts": 4}
    sink = run(small_config(algorithm=algorithm, rollout={"group_size": 2}, limits={"steps": 3}), tmp_path)
    said = [event.detail for event in sink.events if isinstance(event, PhaseChanged) and event.phase == "collecting"]
    assert said[0] == "6 rollouts of 2 tasks, 2 of them greedy ones to compare with"
    assert any(" more rollouts, " in detail for detail in said)
    announced = sum(int(detail.split()[0]) for detail in said)
    assert announced == sum(isinstance(event, EpisodeStarted) for event in sink.events)


def test_an_injection_tells_its_age_and_what_it_changed():
    algorithm, sink = Arpo(ArpoConfig(mode="paper"), seed=0), MemorySink()
    success = make_trajectory("old", 1.0)
    algorithm.prepare([Collected(group_id="g1", task_id="t1", fresh=(success, make_trajectory("bad", 0.0)))])
    fresh = tuple(replace(make_trajectory(f"new{slot}", 0.0), collected_at_step=7) for slot in range(4))
    announce.groups_collected(sink, 7, algorithm.prepare([Collected(group_id="g2", task_id="t1", fresh=fresh)]))
    (event,) = [event for event in sink.events if isinstance(event, GroupCollected)]
    told = event.members[0].injected
    assert (told.source_episode_id, told.replaced_episode_id, told.age_steps) == ("old", "new0", 7)
    assert (told.advantage_before, event.members[0].advantage) == (0.0, pytest.approx(1.5, abs=1e-4))
    assert [member.injected for member in event.members[1:]] == [None] * 3
