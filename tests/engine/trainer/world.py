"""A whole training in one process: the real policy, generator and learner on desktops that only count clicks."""

from __future__ import annotations

import copy
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from arpo_engine.agents.base import Reply
from arpo_engine.contract.actions import Click, Finished
from arpo_engine.contract.config import RunConfig, parse_config
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.host import Answer, Request, Score
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.evaluation.evaluator import Evaluator
from arpo_engine.inference.base import Completion, Prompt, Sampling
from arpo_engine.inference.hf import HfGenerator
from arpo_engine.models.policy import Policy
from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.pace import Lockstep
from arpo_engine.rollout.plans import Planner
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.runtime.context import Context
from arpo_engine.runtime.training import build_parts
from arpo_engine.trainer.parts import Parts
from tests.engine.fakes import ClickingDesktops, make_task

TASKS = tuple(make_task(f"t{number}") for number in range(4))

SMALL: dict[str, Any] = {
    "rollout": {"tasks_per_step": 2, "group_size": 3, "max_steps": 2},
    # One episode a batch: sums in floating point then do not depend on who happened to wait at the same time.
    "generator": {"max_new_tokens": 4, "max_batch": 1, "gather_ms": 0},
    "optimizer": {"lr": 1e-3, "warmup_steps": 1},
    "validation": {"every_steps": 0},
    "checkpoint": {"every_steps": 1, "keep": 2},
    "limits": {"steps": 4},
    "agent": {"max_images": 4},
}


def small_config(**parts: dict[str, Any]) -> RunConfig:
    """The smallest run, with some parts changed."""
    tree = {**SMALL, **{name: {**SMALL.get(name, {}), **part} for name, part in parts.items()}}
    return parse_config(tree)


class AnyWord:
    """Reads every reply: its checksum decides between a click and the end."""

    def system_prompt(self) -> str:
        return "You click."

    def user_prompt(self, instruction: str) -> str:
        return instruction

    def caption(self, instruction: str, done: object = None) -> str:
        return ""

    def parse(self, text: str, screen: tuple[int, int]) -> Reply:
        number = zlib.crc32(text.encode())
        action = Finished() if number % 4 == 0 else Click(x=number % 28, y=0)
        return Reply(thought="", action=action)


class SummingDesktops(ClickingDesktops):
    """Scores by the last click's place, so that some replies succeed and others do not."""

    async def call(self, index: int, request: Request) -> Answer:
        answer = await super().call(index, request)
        if isinstance(request, Score):
            return float(isinstance(request.last_action, Click) and request.last_action.x % 3 == 0)
        return answer


class EndingGenerator(HfGenerator):
    """Calls every reply complete, as a policy that was never taught to end its turn would hardly ever be read."""

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        return replace(await super().generate(prompt, sampling), ended=True)


@cache
def untaught() -> Policy:
    """The pocket network with random weights, so that no test depends on what the shipped policy can do. Read once."""
    policy = Policy.load("builtin:pocket")
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in policy.module.parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.02, generator=noise)
    return policy


def fresh_policy() -> Policy:
    """A copy of it that a test may change."""
    policy = untaught()
    return Policy(copy.deepcopy(policy.module), policy.tokenizer, policy.chat.patches)


@asynccontextmanager
async def world(
    config: RunConfig,
    run_dir: Path,
    *,
    attempt: int = 1,
    tasks: tuple[Task, ...] = TASKS,
    desktops: ClickingDesktops | None = None,
) -> AsyncIterator[Parts]:
    """Parts of a run, as the composition root would build them."""
    sink = MemorySink()
    policy = fresh_policy()
    sampled = policy.twin() if config.rollout.mode == "stream" else policy
    generator = EndingGenerator(sampled, config.generator)
    host = desktops or SummingDesktops(size=6)
    pool = DesktopPool([host], reset_timeout_s=30.0, step_timeout_s=30.0, restarts=1, sink=sink)
    agent = AnyWord()
    runner = EpisodeRunner(
        pool=pool,
        generator=generator,
        agent=agent,
        chat=policy.chat,
        sink=sink,
        reward=config.reward,
        timeout_s=60.0,
        pace=Lockstep() if config.rollout.mode == "lockstep" else None,
    )
    scheduler = Scheduler(runner, retries=config.rollout.retries)
    planner = Planner(run_seed=config.seed, attempt=attempt, max_steps=config.rollout.max_steps, sample_every=1)
    try:
        yield build_parts(
            Context(
                config=config,
                run_dir=run_dir,
                train_tasks=tasks,
                held_out_tasks=tasks[:1],
                policy=policy,
                generator=generator,
                pool=pool,
                agent=agent,
                scheduler=scheduler,
                planner=planner,
                evaluator=Evaluator(scheduler, planner, sink, run_dir / "results"),
                sink=sink,
            )
        )
    finally:
        await pool.close()
        await generator.close()
