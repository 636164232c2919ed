"""Whole runs in which an adapter learns: small checkpoints, bit-exact resuming, and an export that anybody can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from arpo_engine.cli.commands import main
from arpo_engine.contract.events import CheckpointSaved, RunStarted
from arpo_engine.models.families import FAMILIES
from arpo_engine.models.policy import Policy
from tests.engine.cli.test_families_in_runs import AGENTS, SMALL, train
from tests.engine.families import family_policy

pytest.importorskip("peft")
LORA = ["model.lora={rank: 4, alpha: 8, dropout: 0.1}", "model.freeze_vision=true"]


def adapter_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def refused(run_dir: Path, *words: str) -> None:
    """The same run a step further, which it must not go."""
    code = main(["train", "--config", "configs/pocket_demo.yaml", *SMALL, *words, "--run-dir", str(run_dir), "--quiet"])
    assert code == 2


def words_for(kind: str, folder: Path) -> list[str]:
    family_policy(kind).save(folder / "model")
    family_policy(kind, seed=1).save(folder / "other")
    return [
        f"model.path={folder / 'model'}",
        f"algorithm.kl={{place: loss, reference: {folder / 'other'}}}",
        AGENTS[kind],
        *LORA,
    ]


def test_an_adapter_learns_resumes_bit_by_bit_and_is_exported(tmp_path: Path):
    kind = "qwen3_vl"
    words, whole, stopped = words_for(kind, tmp_path), tmp_path / "whole", tmp_path / "stopped"
    events = train(whole, *words, "limits.steps=2")
    train(stopped, *words, "limits.steps=1")
    again = train(stopped, *words, "limits.steps=2")
    assert [event.resumed_from_step for event in again if isinstance(event, RunStarted)] == [None, 1]
    last = "checkpoints/step_000002"
    ours, resumed, first = (
        adapter_of(run / step / "policy")
        for run, step in ((whole, last), (stopped, last), (whole, "checkpoints/step_000000"))
    )
    assert all(torch.equal(ours[name], resumed[name]) for name in ours)
    assert [name for name in ours if ".lora_B" in name and torch.equal(ours[name], first[name])] == []
    optimizers = [torch.load(run / last / "optimizer.pt", weights_only=True)["optimizer"] for run in (whole, stopped)]
    assert len(optimizers[0]["state"]) == len(ours)
    for number, state in optimizers[0]["state"].items():
        assert all(torch.equal(value, optimizers[1]["state"][number][key]) for key, value in state.items())
    assert not (whole / last / "policy" / "model.safetensors").exists()
    assert {event.export_path for event in events if isinstance(event, CheckpointSaved)} >= {f"{last}/policy"}
    stock = getattr(transformers, FAMILIES[kind].architecture).from_pretrained(whole / "export" / "merged")
    merged = Policy.load(whole / last / "policy").weights()
    assert all(torch.allclose(weight, merged[name], atol=1e-6) for name, weight in stock.named_parameters())
    alone = adapter_of(whole / "export" / "adapter")
    assert all(torch.equal(alone[name], ours[name]) for name in ours)


def test_the_reference_of_an_adapter_is_the_model_without_it(tmp_path: Path):
    """A coefficient that would show: with the adapter off the distance begins at 0 and grows, with no second model."""
    family_policy("qwen2_vl").save(tmp_path / "model")
    words = [f"model.path={tmp_path / 'model'}", AGENTS["qwen2_vl"], *LORA, "algorithm.kl={place: loss, coef: 0.1}"]
    train(tmp_path / "run", *words, "limits.steps=1")
    lines = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
    values = [json.loads(line)["event"].get("values", {}) for line in lines]
    (distance,) = (found["train/reference_kl"] for found in values if "train/reference_kl" in found)
    assert 0 <= distance < 1e-2


def test_a_checkpoint_of_an_adapter_can_be_evaluated(tmp_path: Path):
    train(tmp_path / "run", *words_for("qwen2_vl", tmp_path), "limits.steps=1")
    folder = tmp_path / "run" / "checkpoints" / "step_000001" / "policy"
    words = [f"model.path={folder}", AGENTS["qwen2_vl"], "evaluation.tasks=1", "evaluation.attempts=1"]
    words += ["desktops.count=2", "generator.max_new_tokens=8", "--run-dir", str(tmp_path / "measured"), "--quiet"]
    assert main(["evaluate", "--config", "configs/pocket_demo.yaml", *words]) == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [("model.lora={rank: 2}", "another shape"), ("model.lora={rank: 0}", "an adapter, and this run trains weights")],
)
def test_another_adapter_is_not_resumed_into(
    changed: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = words_for("qwen2_vl", tmp_path)
    train(tmp_path / "run", *words, "limits.steps=1")
    refused(tmp_path / "run", *words, changed, "limits.steps=2")
    heard = capsys.readouterr().err
    assert said in heard and "--no-resume" in heard


def test_another_frozen_tower_is_not_resumed_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    family_policy("qwen2_vl").save(tmp_path / "model")
    words = [f"model.path={tmp_path / 'model'}", AGENTS["qwen2_vl"]]
    train(tmp_path / "run", *words, "limits.steps=1", "model.freeze_vision=true")
    refused(tmp_path / "run", *words, "limits.steps=2")
    assert "knows other weights" in capsys.readouterr().err
