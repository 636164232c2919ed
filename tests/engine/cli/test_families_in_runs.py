"""Every family of models trains on the pocket desktop, goes on after a stop, and leaves what transformers reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from arpo_engine.cli.commands import main
from arpo_engine.contract.events import CheckpointSaved, LogWritten, RunEnded, RunStarted
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import read_spool
from arpo_engine.models.families import FAMILIES
from tests.engine.families import KINDS, family_policy

SMALL = [
    "algorithm.zero_variance=keep",
    "algorithm.minibatches=1",
    "checkpoint.every_steps=1",
    "desktops.count=4",
    "generator.max_batch=1",
    "generator.max_new_tokens=8",
    "optimizer.decay=constant",
    "optimizer.lr=1e-3",
    "optimizer.warmup_steps=0",
    "rollout.group_size=2",
    "rollout.tasks_per_step=2",
    "validation.every_steps=0",
]
AGENTS = {
    "qwen2_vl": "agent={kind: ui_tars, prompt: short, version: '1.0'}",
    "qwen2_5_vl": "agent={kind: ui_tars, prompt: short}",
    "qwen3_vl": "agent={kind: ui_tars, prompt: short}",
}
"""The prompt of the agent that belongs to Qwen3-VL, with its tool, is longer than the tiny models' context."""


def train(run_dir: Path, *words: str) -> list[object]:
    code = main(["train", "--config", "configs/pocket_demo.yaml", *SMALL, *words, "--run-dir", str(run_dir), "--quiet"])
    assert code == 0
    return [envelope.event for envelope in read_spool(run_dir / "events.jsonl")]


def weights_of(run_dir: Path, kind: str, step: int) -> dict[str, torch.Tensor]:
    """The export of a step, read by transformers' own class."""
    folder = run_dir / "checkpoints" / f"step_{step:06d}" / "policy"
    model = getattr(transformers, FAMILIES[kind].architecture).from_pretrained(folder)
    return dict(model.named_parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_two_steps_move_the_weights_and_a_resumed_run_ends_at_the_same_ones(kind: str, tmp_path: Path):
    family_policy(kind).save(tmp_path / "model")
    # Random weights never succeed; towards another policy there is something to learn all the same.
    family_policy(kind, seed=1).save(tmp_path / "other")
    kl = f"algorithm.kl={{place: loss, reference: {tmp_path / 'other'}}}"
    words = [f"model.path={tmp_path / 'model'}", kl, AGENTS[kind]]
    events = train(tmp_path / "whole", *words, "limits.steps=2")
    assert [event.outcome for event in events if isinstance(event, RunEnded)] == [RunOutcome.FINISHED]
    assert [event.step for event in events if isinstance(event, CheckpointSaved)] == [0, 1, 2]
    warned = [event.message for event in events if isinstance(event, LogWritten) and "agent.kind" in event.message]
    assert len(warned) == (kind == "qwen3_vl")
    train(tmp_path / "stopped", *words, "limits.steps=1")
    again = train(tmp_path / "stopped", *words, "limits.steps=2")
    assert [event.resumed_from_step for event in again if isinstance(event, RunStarted)] == [None, 1]
    whole, stopped = (weights_of(tmp_path / run, kind, 2) for run in ("whole", "stopped"))
    assert all(map(torch.equal, whole.values(), stopped.values()))
    first = weights_of(tmp_path / "whole", kind, 0)
    assert [name for name in whole if torch.equal(whole[name], first[name])] == []
