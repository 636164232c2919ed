"""Whole small runs that sample with a real vLLM, where it is installed: slow, since its engines take about a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.errors import ModelError
from arpo_engine.contract.events import EpisodeStepTaken, MetricsLogged, RunEnded
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import read_spool
from arpo_engine.inference.vllm_home import vllm_python


def no_vllm() -> str:
    try:
        vllm_python()
    except ModelError as error:
        return str(error)
    return ""


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(no_vllm()), reason=no_vllm())]

SMALL = [
    "limits.steps=2",
    "optimizer.warmup_steps=0",
    "rollout.tasks_per_step=2",
    "rollout.group_size=4",
    "rollout.episode_timeout_s=3600",
    "algorithm.minibatches=1",
    "algorithm.old_logprobs=truncated",
    "desktops.count=8",
    "validation.every_steps=0",
]
VLLM = "generator={kind: vllm, max_new_tokens: 24, replicas: 2, start_timeout_s: 3000, timeout_s: 1200}"


def test_a_run_learns_from_what_vllm_samples_and_pushes_what_it_learnt(tmp_path: Path) -> None:
    words = ["train", "--config", "configs/pocket_grpo.yaml", *SMALL, VLLM, "--run-dir", str(tmp_path), "--quiet"]
    assert main(words) == 0
    events: list[Any] = [envelope.event for envelope in read_spool(tmp_path / "events.jsonl")]
    (ended,) = (event for event in events if isinstance(event, RunEnded))
    assert ended.outcome is RunOutcome.FINISHED
    values = [event.values for event in events if isinstance(event, MetricsLogged) and "train/loss" in event.values]
    assert len(values) == 2
    # The second step was sampled with what the first had learnt: nothing stale, nothing left behind.
    assert [0 <= step["train/sampler_gap"] < 1e-4 for step in values] == [True, True]
    assert [step["rollout/replicas"] for step in values] == [2.0, 2.0]
    assert all(0 < step["rollout/prefix_hit_rate"] < 1 for step in values)
    versions = {event.weight_version for event in events if isinstance(event, EpisodeStepTaken)}
    assert versions == {0, 1}
