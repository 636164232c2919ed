"""What the engines of vLLM begin with: a model, or the model below an adapter with the adapter pushed. No vLLM here."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from arpo_engine.contract.config import RunConfig, parse_config
from arpo_engine.contract.config.parts import LoraConfig, ModelConfig
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.inference.vllm_wire import EngineSettings, Push
from arpo_engine.runtime import context, vllm_engines
from tests.engine.families import family_policy, shared_family_policy
from tests.engine.inference.vllm_stub import StubReplica

Started = list[tuple[EngineSettings, StubReplica]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """The engines of a run, in the order in which they are made."""
    known: Started = []

    def make(name: str, *, settings: EngineSettings, **others: Any) -> StubReplica:
        known.append((settings, StubReplica(name)))
        return known[-1][1]

    monkeypatch.setenv("ARPO_VLLM_PYTHON", sys.executable)
    monkeypatch.setattr(vllm_engines, "ReplicaProcess", make)
    return known


def opened(config: RunConfig) -> context.Sampler:
    async def main() -> context.Sampler:
        sampler = await context.GENERATORS["vllm"](config, config.generator, MemorySink())
        await sampler.generator.close()
        return sampler

    return asyncio.run(main())


def run_of(path: Path | str, **parts: Any) -> RunConfig:
    model = {"path": str(path), **parts.pop("model", {})}
    return parse_config({"generator": {"kind": "vllm", "replicas": 2}, "model": model, **parts})


def adapter_of(base: Path, folder: Path) -> Path:
    policy = family_policy("qwen2_vl")
    policy.train_only(ModelConfig(path=str(base), lora=LoraConfig(rank=2)), seed=0)
    assert policy.adapter is not None
    with torch.no_grad():
        for matrix in policy.adapter.matrices().values():
            matrix.add_(0.1)
    policy.save(folder)
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    shared_family_policy("qwen2_vl").save(tmp_path / "base")
    return tmp_path / "base"


def test_a_model_is_loaded_by_the_engines_themselves(base: Path, started: Started) -> None:
    opened(run_of(base, kind="evaluate"))
    assert [settings.model for settings, _ in started] == [str(base)] * 2
    assert not any(replica.asked for _, replica in started)


def test_an_adapters_folder_is_the_model_below_it_with_the_adapter_pushed(
    base: Path, tmp_path: Path, started: Started
) -> None:
    second = adapter_of(adapter_of(base, tmp_path / "first"), tmp_path / "second")
    sampler = opened(run_of(second, kind="evaluate"))
    assert [settings.model for settings, _ in started] == [str(base)] * 2
    for _, replica in started:
        assert [type(request) for request in replica.asked] == [Push]
        assert sampler.policy is not None
        assert replica.weights == set(sampler.policy.weights())
