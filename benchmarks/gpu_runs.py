"""What `benchmarks/gpu.py` measures of one model at one length: learning, sampling, a push of weights, memory.

The learner, the generator and the plan are those of a run; only weights and episodes are random.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from arpo_engine.contract.config import GrpoConfig, RunConfig, parse_config
from arpo_engine.contract.plan.means import means_of
from arpo_engine.contract.plan.memory import GB, Moment, by_moment, memory_of
from arpo_engine.contract.plan.pace import forward_operations
from arpo_engine.contract.plan.shapes import ModelShape
from arpo_engine.contract.plan.work import Work, work_of
from arpo_engine.inference.base import Prompt, Sampling
from arpo_engine.inference.hf import HfGenerator
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.learner import Learner
from arpo_engine.types import Trajectory
from benchmarks.gpu_models import LENGTHS, SHAPES, random_group, random_policy

Note = Callable[[str, Any], None]
REPLY_LIMIT = 32
"""Tokens of a sampled reply: a policy with random weights hardly ever ends one, and time is short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One measurement."""

    shape: str
    length: str
    lora: int = 0
    trajectories: int = 4
    """Of one update."""
    rollouts: int = 4
    """Episodes that are sampled together; 0: only the learner is measured."""
    repeats: int = 2
    beside_trl: bool = False

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.shape}{f' LoRA {self.lora}' if self.lora else ''} {self.length}"


def config_of_case(case: Case, dtype: str) -> RunConfig:
    """The run that is measured: trajectories in parts of one, the vision tower frozen, long ones recomputed."""
    episodes, long = LENGTHS[case.length], case.length == "43k"
    return parse_config(
        {
            "model": {"path": case.shape, "dtype": dtype, "freeze_vision": True, "lora": {"rank": case.lora}},
            "tasks": {"source": "random"},
            "desktops": {"count": max(1, case.rollouts)},
            "agent": {"kind": "ui_tars", "prompt": "short", "max_images": episodes.turns},
            "generator": {"kind": "hf", "max_new_tokens": REPLY_LIMIT, "max_batch": max(1, case.rollouts)},
            "rollout": {"tasks_per_step": 1, "group_size": case.trajectories, "max_steps": episodes.turns},
            "algorithm": {"kind": "grpo", "minibatches": 1},
            "optimizer": {"kind": "adamw_bf16" if dtype == "bfloat16" else "adamw", "lr": 1e-6, "warmup_steps": 0},
            "learner": {
                "tokens_per_pass": LENGTH_OF_A_PASS,
                "padding_free": True,
                "logits_tokens": 512,
                "gradient_checkpointing": long or case.length == "tiny",
            },
        }
    )


LENGTH_OF_A_PASS = 16_384
"""Tokens: four short trajectories share a pass, a long one is a part of its own."""


class Measured:
    """One case on one device."""

    def __init__(self, case: Case, device: str) -> None:
        self._case, self._device = case, device
        dtype = "bfloat16" if device == "cuda" else "float32"
        self.config = config_of_case(case, dtype)
        self._shape, self._episodes = SHAPES[case.shape], LENGTHS[case.length]
        self.policy = random_policy(self._shape, device, getattr(torch, dtype))
        self.policy.train_only(self.config.model, seed=0)
        self.policy.passes = self.config.learner
        self.group = random_group(self.policy, self._episodes, case.trajectories)
        self._learner: Learner | None = None

    def all(self, note: Note) -> None:
        """Measure, and note each figure as soon as it is known, so that a full memory loses no other."""
        self._learning(note)
        if self._case.rollouts:
            asyncio.run(self._sampling(note))

    def let_go(self) -> None:
        """Give up gradients and moments, for another learner on the same model."""
        self._learner = None
        self.policy.module.zero_grad(set_to_none=True)
        gc.collect()

    @property
    def work(self) -> Work:
        """As a plan would count it, with the lengths that these episodes really have."""
        (length,) = {member.trajectory.computed_tokens for member in self.group.members}
        patches = self._shape.screenshot_patches(*self._episodes.screen)
        return replace(
            work_of(self.config, self._shape),
            screen=self._episodes.screen,
            screenshot=patches // 4,
            patches=patches,
            reply=self._episodes.reply,
            context=length,
            learnt_context=length,
        )

    def _learning(self, note: Note) -> None:
        """Whole updates, from the screenshots' bytes to the moved weights; the first one warms up."""
        learner = Learner(
            self.policy,
            algorithm=self.config.algorithm if isinstance(self.config.algorithm, GrpoConfig) else GrpoConfig(),
            optimizer=self.config.optimizer,
            temperature=1.0,
            total_steps=1,
            seed=0,
        )
        # It stays: while a run samples, its moments lie in memory, too.
        self._learner = learner
        seconds = []
        for repeat in range(self._case.repeats + 1):
            self._reset_peak()
            taken = _seconds(self._device, lambda: learner.learn([self.group], step=1))
            if repeat:
                seconds.append(taken)
        best = statistics.median(seconds)
        tokens = sum(member.trajectory.computed_tokens for member in self.group.members)
        note("update_s", round(best, 3))
        note("trained_tokens_per_s", round(tokens / best, 1))
        note("learner_tflops", useful_operations(self.work, self._case, self._shape) / best / 1e12)
        self._note_peak(note, "peak_gb", "plan_gb", ("seeing", "learning", "scoring", "updating"))

    async def _sampling(self, note: Note) -> None:
        """Episodes side by side through the hf generator, screenshot after screenshot, as desktops would show them."""
        gc.collect()
        self._reset_peak()
        generator = HfGenerator(self.policy, self.config.generator)  # type: ignore[arg-type]
        group = random_group(self.policy, self._episodes, self._case.rollouts, seed=1)
        trajectories = [member.trajectory for member in group.members]
        await _play(generator, self.policy, trajectories[:1], turns=2)
        generator.take_reuse()
        if self._device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        sampled = await _play(generator, self.policy, trajectories, turns=self._episodes.turns)
        taken = time.perf_counter() - began
        note("rollout_tokens_per_s", round(sampled / taken, 1))
        note("prefix_hit", round(generator.take_reuse(), 4))
        self._note_peak(note, "rollout_peak_gb", "rollout_plan_gb", ("sampling",))
        await generator.close()
        note("weight_push_s", round(await self._push(), 4))

    async def _push(self) -> float:
        """Seconds until a sampler with weights of its own has those of the learner."""
        generator = HfGenerator(self.policy.twin(), self.config.generator)  # type: ignore[arg-type]
        weights, found = self.policy.weights(), []
        for version in range(1, 4):
            began = time.perf_counter()
            await generator.push_weights(version, weights)
            if self._device == "cuda":
                torch.cuda.synchronize()
            found.append(time.perf_counter() - began)
        await generator.close()
        return statistics.median(found)

    def _reset_peak(self) -> None:
        if self._device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def _note_peak(self, note: Note, peak: str, planned: str, moments: tuple[Moment, ...]) -> None:
        """What was allocated at most beside what the plan says of it; a processor's memory is not told apart."""
        held = by_moment(memory_of(self._shape, self.work, means_of(self.config)), "gpu")
        note(planned, round(max(held[moment] for moment in moments), 4))
        if self._device == "cuda":
            note(peak, round(torch.cuda.max_memory_allocated() / GB, 2))


def useful_operations(work: Work, case: Case, shape: ModelShape) -> float:
    """Operations of an update without what is computed twice: forward, and twice as much back where weights learn (once
    beside an adapter); the frozen tower goes forward only."""
    tower = replace(shape, tower=replace(shape.tower, depth=0))
    whole, without = forward_operations(work, shape), forward_operations(replace(work, patches=0), tower)
    return float(case.trajectories * (whole - without + without * (2 if case.lora else 3)))


async def _play(generator: HfGenerator, policy: Policy, trajectories: list[Trajectory], *, turns: int) -> int:
    """All episodes at once; the number of sampled tokens."""

    async def one(trajectory: Trajectory) -> int:
        sampled = 0
        for turn, step in enumerate(trajectory.steps[:turns]):
            sampling = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=REPLY_LIMIT)
            prompt = Prompt(
                episode_id=trajectory.episode_id, new_ids=step.prompt_ids, pixels=step.pixels, seed=1000 + turn
            )
            sampled += len((await generator.generate(prompt, sampling)).ids)
        generator.release(trajectory.episode_id)
        return sampled

    return sum(await asyncio.gather(*(one(trajectory) for trajectory in trajectories)))


def _seconds(device: str, call: Callable[[], Any]) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began
