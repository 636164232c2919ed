"""Whoever samples, the policy that learns is made ready alike: what is frozen, what has an adapter, what is told."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.events import LogWritten
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.models.policy import Policy
from arpo_engine.runtime import context

ANY_OF_OURS = pytest.mark.parametrize("kind", ["hf", "vllm"])


def made(monkeypatch: pytest.MonkeyPatch, **parts: Any) -> tuple[Policy, MemorySink]:
    """The policy beside a generator; engines of vLLM, which need a GPU, are not started."""

    async def engines(*args: object) -> tuple[object, str]:
        return SimpleNamespace(), "no engines"

    monkeypatch.setattr(context, "open_vllm", engines)
    config, sink = parse_config(parts), MemorySink()
    sampler = asyncio.run(context.GENERATORS[config.generator.kind](config, config.generator, sink))
    assert sampler.policy is not None
    return sampler.policy, sink


@ANY_OF_OURS
def test_a_frozen_vision_tower_stays_as_it_is(kind: str, monkeypatch: pytest.MonkeyPatch):
    policy, _ = made(monkeypatch, generator={"kind": kind}, model={"freeze_vision": True})
    assert not any(weight.requires_grad for weight in policy.module.model.visual.parameters())
    assert policy.trained()


@ANY_OF_OURS
def test_an_adapter_learns_instead_of_the_weights(kind: str, monkeypatch: pytest.MonkeyPatch):
    policy, _ = made(monkeypatch, generator={"kind": kind}, model={"lora": {"rank": 2}})
    assert policy.adapter is not None
    learns = {name for name, weight in policy.weights().items() if weight.requires_grad}
    assert learns and all(".lora_" in name for name in learns)


@ANY_OF_OURS
def test_a_measurement_makes_nothing_ready_to_learn(kind: str, monkeypatch: pytest.MonkeyPatch):
    policy, _ = made(monkeypatch, kind="evaluate", generator={"kind": kind}, model={"lora": {"rank": 2}})
    assert policy.adapter is None


@ANY_OF_OURS
def test_an_agent_that_does_not_fit_the_model_is_told_of(kind: str, monkeypatch: pytest.MonkeyPatch):
    agent = {"kind": "qwen_vl", "series": "3"}
    _, sink = made(monkeypatch, generator={"kind": kind}, agent=agent)
    (told,) = [event.message for event in sink.events if isinstance(event, LogWritten)]
    assert "agent.kind=qwen_vl" in told
