"""The generators that one conformance suite asks, and what they are asked: episodes of prompts with screenshots."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

import pytest
import torch

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.config.generators import HfGeneratorConfig, OpenAiGeneratorConfig, VllmGeneratorConfig
from arpo_engine.contract.errors import ModelError
from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.inference.base import Completion, Generator, Prompt, Sampling, Words
from arpo_engine.inference.hf import HfGenerator
from arpo_engine.inference.openai import OpenAiGenerator
from arpo_engine.inference.vllm_home import vllm_python
from arpo_engine.models.policy import Policy
from arpo_engine.runtime.vllm_engines import open_vllm
from arpo_engine.types import Pixels, Step, Trajectory
from tests.engine.inference.chat_stub import Said, chat_stub, refusal, reply
from tests.engine.policies import screenshots

T = TypeVar("T")

SIZE = (224, 168)
SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=12)
GREEDY = replace(SAMPLING, temperature=0.0)
SAME = 1e-4
"""Log-probs of two float32 implementations; measured are 1e-6, and up to 3e-5 with weights that are all noise."""
IMAGES = 8


@cache
def shipped() -> Policy:
    torch.set_num_threads(1)
    return Policy.load("builtin:pocket")


def changed(seed: int) -> Policy:
    """The same network with other weights."""
    policy = shipped()
    other = Policy(copy.deepcopy(policy.module), policy.tokenizer, policy.chat.patches)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in other.module.parameters():
            if weight.dim() > 1:
                weight.add_(torch.randn(weight.shape, generator=noise), alpha=0.02)
    return other


@dataclass
class Subject:
    """A generator to be asked, and the loop that it lives in."""

    kind: str
    generator: Generator
    loop: asyncio.Runner
    names: Iterator[str]

    @property
    def gives_ids(self) -> bool:
        return self.kind != "openai"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    def name(self) -> str:
        """Of an episode that nobody had before."""
        return next(self.names)

    def say(self, prompt: Prompt, sampling: Sampling = SAMPLING) -> Completion:
        return self.run(self.generator.generate(prompt, sampling))

    def push(self, version: int, policy: Policy) -> None:
        self.run(self.generator.push_weights(version, policy.weights()))


@contextmanager
def hf(loop: asyncio.Runner) -> Iterator[Generator]:
    policy = shipped()
    own = Policy(copy.deepcopy(policy.module), policy.tokenizer, policy.chat.patches)
    yield HfGenerator(own, HfGeneratorConfig())


@contextmanager
def vllm(loop: asyncio.Runner) -> Iterator[Generator]:
    config = parse_config(
        {
            "generator": {"kind": "vllm", "start_timeout_s": 3000, "timeout_s": 1200, "max_parallel": 8},
            "agent": {"max_images": IMAGES},
        }
    )
    assert isinstance(config.generator, VllmGeneratorConfig)
    generator, _ = loop.run(open_vllm(config, config.generator, shipped()))
    yield generator


@contextmanager
def openai(loop: asyncio.Runner) -> Iterator[Generator]:
    def script(number: int, request: dict[str, Any]) -> Said:
        if len(request["messages"]) > 2 * IMAGES:
            return refusal(400, "This model's maximum context length is 1024 tokens")
        # What a model would do: the same for the same words and the same noise.
        return reply(f"{request['seed']} after {len(request['messages'])}")

    with chat_stub() as server:
        server.script = script
        yield OpenAiGenerator(OpenAiGeneratorConfig(base_urls=(server.url,), retries=0))


def no_vllm() -> str:
    try:
        vllm_python()
    except ModelError as error:
        return str(error)
    return ""


KINDS: dict[str, Callable[[asyncio.Runner], Any]] = {"hf": hf, "vllm": vllm, "openai": openai}


def frames(count: int, seed: int = 0) -> list[Pixels]:
    return screenshots(count, seed=seed, size=SIZE)


def turn(name: str, index: int, *, seed: int | None = None, words: str = "Turn on WiFi") -> Prompt:
    """The next turn of an episode: it opens with what there is to do, and shows a screenshot."""
    chat = shipped().chat
    system = "You are a GUI agent."
    ids = chat.turn_ids(SIZE) if index else chat.opening_ids(system, words, SIZE)
    said = Words() if index else Words(system=system, user=words)
    noise = 100 + index if seed is None else seed
    return Prompt(episode_id=name, new_ids=ids, pixels=frames(1, seed=index)[0], words=said, seed=noise)


def episode(subject: Subject, turns: int, sampling: Sampling = SAMPLING, first_seed: int = 0) -> Trajectory:
    """What was said in an episode of so many turns."""
    name, steps = subject.name(), []
    for index in range(turns):
        prompt = turn(name, index, seed=first_seed + index)
        steps.append(step_of(prompt, subject.say(prompt, sampling)))
    subject.generator.release(name)
    return trajectory_of(steps)


def step_of(prompt: Prompt, said: Completion) -> Step:
    return Step(
        pixels=prompt.pixels,
        prompt_ids=prompt.new_ids,
        reply_ids=said.ids,
        reply_logprobs=said.logprobs,
        weight_version=said.weight_version,
        text=said.text or "",
        thought="",
        action=None,
        window=None if prompt.earlier is None else len(prompt.earlier) + 1,
    )


def trajectory_of(steps: list[Step]) -> Trajectory:
    return Trajectory(episode_id="e", task_id="t", steps=tuple(steps), ended_by=EndedBy.OUT_OF_STEPS, score=0.0)


def apart(policy: Policy, trajectory: Trajectory, temperature: float = 1.0) -> float:
    """Largest difference between what the generator said of its tokens and what the learner computes."""
    with torch.no_grad():
        learner = policy.reply_logprobs([trajectory], temperature).logprobs
    return float((learner - policy.behaviour_logprobs([trajectory])).abs().max())


def only_ids(subject: Subject) -> None:
    if not subject.gives_ids:
        pytest.skip("a server of chat completions gives words, no ids")
