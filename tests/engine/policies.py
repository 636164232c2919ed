"""A pocket policy with random weights (the shipped network, smaller), screenshots of noise, and episodes of both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from arpo_engine.contract.config.generators import HfGeneratorConfig
from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.inference.base import Generator, Prompt, Sampling
from arpo_engine.inference.hf import HfGenerator
from arpo_engine.models.pocket.build import PocketShape, build_policy
from arpo_engine.models.policy import Policy
from arpo_engine.types import Pixels, Step, Trajectory

WORDS = ("You", "are", "a", "GUI", "agent", "click", "type", "Turn", "on", "WiFi", "Save", "done")
SYSTEM = "You are a GUI agent."
SIZE = (224, 168)
SMALL = PocketShape(
    hidden=64,
    layers=2,
    heads=4,
    intermediate=96,
    vision_hidden=32,
    vision_depth=2,
    vision_intermediate=48,
    context=1024,
)
SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=8)


def small_policy(seed: int = 0) -> Policy:
    """A fresh one, for tests that change its weights."""
    torch.set_num_threads(1)
    return build_policy(WORDS, SMALL, seed=seed)


@cache
def shared_policy() -> Policy:
    """One for all tests that only look."""
    return small_policy()


def screenshots(count: int, seed: int = 0, size: tuple[int, int] = SIZE) -> list[Pixels]:
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 255, (count, size[1], size[0], 3), dtype=np.uint8))


async def play(
    generator: Generator,
    policy: Policy,
    name: str,
    frames: Sequence[Pixels],
    *,
    instruction: str = "Turn on WiFi",
    seed: int = 0,
    sampling: Sampling = SAMPLING,
) -> Trajectory:
    """An episode of one turn a screenshot, whatever the policy says."""
    steps = []
    for turn, pixels in enumerate(frames):
        size = (pixels.shape[1], pixels.shape[0])
        new = policy.chat.turn_ids(size) if turn else policy.chat.opening_ids(SYSTEM, instruction, size)
        prompt = Prompt(episode_id=name, new_ids=new, pixels=pixels, seed=seed * 1000 + turn)
        said = await generator.generate(prompt, sampling)
        steps.append(
            Step(
                pixels=pixels,
                prompt_ids=new,
                reply_ids=said.ids,
                reply_logprobs=said.logprobs,
                weight_version=said.weight_version,
                text=policy.chat.decode(said.ids),
                thought="",
                action=None,
            )
        )
    generator.release(name)
    return Trajectory(episode_id=name, task_id="t", steps=tuple(steps), ended_by=EndedBy.OUT_OF_STEPS, score=0.0)


def play_many(policy: Policy, counts: Sequence[int], *, seed: int = 0, max_batch: int = 64) -> list[Trajectory]:
    """Episodes of so many turns each, sampled side by side."""

    async def run() -> list[Trajectory]:
        generator = HfGenerator(policy, HfGeneratorConfig(max_batch=max_batch))
        episodes = [
            play(
                generator,
                policy,
                f"e{number}",
                screenshots(count, seed=number),
                instruction="Turn on" + " WiFi" * (number % 4),
                seed=seed + number,
            )
            for number, count in enumerate(counts)
        ]
        played = await asyncio.gather(*episodes)
        await generator.close()
        return list(played)

    return asyncio.run(run())
