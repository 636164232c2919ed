"""How long a run takes: desktops, replies and the learner's arithmetic, each at a pace that is assumed and said.

Upper bounds: every episode takes all its turns. Knows no machine but by its numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from arpo_engine.contract.config.choices import choices_of
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.plan.means import Means
from arpo_engine.contract.plan.shapes import ModelShape
from arpo_engine.contract.plan.work import Work, runs_on_pocket


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is assumed."""

    reset_s: float
    action_s: float
    reply_s: float
    """Seconds of one reply, with whichever other episodes are answered together with it."""
    tflops: float
    """Arithmetic of one device that learns (10^12 operations a second)."""
    mfu: float
    """Share of it that the learner's useful arithmetic reaches."""


OSWORLD, POCKET = (60.0, 3.0, 3.0), (0.05, 0.02, 0.3)
"""Seconds of a reset, an action, a reply. OSWorld's client sleeps 60 s after a reset; an action takes 3 s with its
pause and its screenshot."""
H100_TFLOPS, CORE_TFLOPS = 989.0, 0.04
"""bfloat16 without sparsity, by NVIDIA's data sheet of the H100 and H200; float32 of one core of a processor."""
MFU, MFU_ON_A_CORE = 0.4, 0.5


def pace_of(config: RunConfig, *, on_gpu: bool, cores: int) -> Pace:
    """The assumptions for a run on GPUs like an H100, or on so many cores of a processor."""
    reset, action, reply = POCKET if runs_on_pocket(config) else OSWORLD
    if on_gpu:
        return Pace(reset_s=reset, action_s=action, reply_s=reply, tflops=H100_TFLOPS, mfu=MFU)
    return Pace(reset_s=reset, action_s=action, reply_s=reply, tflops=cores * CORE_TFLOPS, mfu=MFU_ON_A_CORE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Where the time goes."""

    rollouts_s: float
    """Seconds of a training step in which its episodes are played."""
    learner_s: float
    """Seconds of a training step in which the learner computes."""
    before_h: float
    """Hours of tasks.selection before the first step."""
    measuring_h: float
    """Hours of validation, or of an evaluation."""
    total_h: float
    """Of one attempt; limits.minutes ends it."""


def hours_of(config: RunConfig, work: Work, means: Means, shape: ModelShape | None, pace: Pace) -> Hours:
    """Estimate; without a shape the learner's own time is left out."""
    desktops = config.desktops.count
    episode = pace.reset_s + work.turns * (pace.action_s + pace.reply_s)
    steps = work.steps if work.rollouts else 0
    rollouts = work.rollouts / steps * episode / min(desktops, work.rollouts / steps) if steps else 0.0
    operations = 0.0 if shape is None or not steps else step_operations(config, work, means, shape)
    learner = operations / (pace.tflops * 1e12 * pace.mfu * means.ranks)
    # A stream plays the next episodes while the learner computes.
    step = max(rollouts, learner) if config.rollout.mode == "stream" else rollouts + learner
    before, measuring = ((count or 0) * episode / desktops / 3600 for count in (work.tries, work.measured))
    return Hours(
        rollouts_s=rollouts,
        learner_s=learner,
        before_h=before,
        measuring_h=measuring,
        total_h=min(steps * step / 3600 + before + measuring, (config.limits.minutes or math.inf) / 60),
    )


def step_operations(config: RunConfig, work: Work, means: Means, shape: ModelShape) -> float:
    """Operations of the learner in one training step.

    An update takes a pass forward and two back, and one more forward where activations are computed again; beside an
    adapter one pass back. Old log-probs that are computed anew, and a reference policy, take a pass forward each.
    """
    forward = work.per_step * forward_operations(work, shape)
    passes = work.passes * ((2 if means.rank else 3) + means.checkpointing)
    once = (choices_of(config.algorithm).old_logprobs != "behaviour") + (config.algorithm.kl.place != "off")
    return forward * (passes + once)


def forward_operations(work: Work, shape: ModelShape) -> float:
    """Operations of one trajectory's pass forward: matrices, causal attention, head at sampled tokens, vision tower."""
    tokens, length = work.trajectory_tokens, work.learnt_context
    matrices = 2 * shape.layers * shape.layer_parameters * tokens
    attention = 2 * shape.layers * shape.heads * shape.head_size * length * tokens
    head = 2 * shape.vocabulary * shape.hidden * work.sampled
    patches = work.learnt_screenshots * work.patches
    tower = 2 * shape.vision * patches
    if shape.tower.full_attention:
        tower += 4 * shape.tower.depth * shape.tower.width * work.patches * patches
    return float(matrices + attention + head + tower)
