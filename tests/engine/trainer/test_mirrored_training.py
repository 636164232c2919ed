"""A real training with trackers beside it: the published names are there, and one that hangs changes nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.events import MetricsLogged
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.runtime.mirrors import sink, with_mirrors
from arpo_engine.runtime.mirrors.base import TrackedRun
from arpo_engine.trainer.loop import train
from arpo_engine.trainer.stop import StopSwitch
from tests.engine.trainer.world import small_config, world

ON_EVERY_MACHINE = {
    "critic/score/mean", "critic/rewards/max", "critic/advantages/min", "critic/returns/mean", "actor/pg_loss",
    "actor/pg_clipfrac_higher", "actor/pg_clipfrac_lower", "actor/entropy_loss", "actor/ppo_kl", "actor/grad_norm",
    "actor/lr", "reward/reward_tensor", "reward/reward_std", "reward/num_invalid_group", "reward/traj_reward",
    "reward/foramt_reward", "response_length/mean", "response_length/num_images", "prompt_length/max", "timing_s/step",
    "timing_s/gen", "timing_s/old", "timing_s/update_actor", "timing_s/save_checkpoint", "timing_per_token_ms/gen",
    "timing_per_token_ms/update_actor", "perf/total_num_tokens", "perf/throughput", "perf/time_per_step",
    "perf/cpu_memory_used_gb",
}  # fmt: skip


class Keeping:
    """Keeps the numbers of each step; hangs on them first, if it is to."""

    takes_back = False

    def __init__(self, *, hangs: bool = False) -> None:
        self.steps: dict[int, dict[str, float]] = {}
        self.let_go = threading.Event()
        if not hangs:
            self.let_go.set()

    def open(self, run: TrackedRun) -> str:
        return "kept"

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self.let_go.wait(60)
        self.steps.setdefault(step, {}).update(numbers)

    def close(self, outcome: RunOutcome | None) -> None:
        pass

    def abandon(self) -> None:
        self.let_go.set()


def trained(config: RunConfig, run_dir: Path) -> dict[str, torch.Tensor]:
    async def main() -> dict[str, torch.Tensor]:
        async with world(config, run_dir) as parts:
            mirrored = with_mirrors(parts.sink, config, run_dir, say=lambda text: None, quiet=False)
            await train(replace(parts, sink=mirrored), StopSwitch(mirrored, minutes=None), resuming=True)
            mirrored.close()
            assert [event for event in parts.sink.events if isinstance(event, MetricsLogged)]
            return {name: value.clone() for name, value in parts.policy.module.state_dict().items()}

    return asyncio.run(main())


def test_a_training_says_its_numbers_under_the_published_names(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Keeping()
    monkeypatch.setattr(sink, "build_tracker", lambda kind: tracker)
    config = small_config(
        records={"mirrors": ["mlflow"], "metric_names": "arpo"},
        validation={"every_steps": 1, "before_training": True, "temperature": 0.5},
        limits={"steps": 2},
        optimizer={"warmup_steps": 0},
        algorithm={"kind": "arpo", "mode": "paper"},
    )
    trained(config, tmp_path)
    assert set(tracker.steps) == {0, 1, 2}
    assert set(tracker.steps[0]) == {"val/reward_score"}
    for step in (1, 2):
        assert set(tracker.steps[step]) >= ON_EVERY_MACHINE | {"val/reward_score"}
    assert "timing_s/validation" in tracker.steps[1]
    step = tracker.steps[1]
    assert step["reward/reward_tensor"] == step["critic/score/mean"] <= step["critic/score/max"]
    assert step["perf/throughput"] == pytest.approx(step["perf/total_num_tokens"] / step["timing_s/step"])
    assert 0.0 < step["timing_s/update_actor"] < step["timing_s/step"]
    assert step["actor/entropy_loss"] > 0.0


def test_a_training_with_a_tracker_that_hangs_learns_the_very_same(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "build_tracker", lambda kind: Keeping(hangs=True))
    monkeypatch.setattr(sink, "CLOSE_S", 0.1)
    plain = trained(small_config(limits={"steps": 2}), tmp_path / "plain")
    hung = trained(small_config(limits={"steps": 2}, records={"mirrors": ["wandb"]}), tmp_path / "hung")
    assert all(torch.equal(plain[name], hung[name]) for name in plain)
