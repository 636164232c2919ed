"""Small computations by the engine itself, made while a report is written, beside values worked out by hand.

Source of the formulas: verl/trainer/core_algos.py of the published code. Knows no whole configs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from arpo_engine.algorithms.advantages import group_advantages
from arpo_engine.algorithms.losses import policy_loss
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.objective import ClipConfig
from arpo_engine.contract.config.verl.published_run import published_run
from arpo_engine.contract.events import NumericCheck

ONE_SUCCESS = (1.0,) + (0.0,) * 7
"""Rewards of a group of eight with one success: mean 1/8, unbiased standard deviation sqrt(1/8)."""
TOLERANCE = 1e-6


def checks_of(config: RunConfig) -> Iterator[NumericCheck]:
    """Every check that there is for what a run computes."""
    algorithm, published = config.algorithm, published_run().config.algorithm
    if algorithm.estimator == "grpo":
        agrees, told = advantage_check(algorithm.advantage_eps, published.advantage_eps)
        yield NumericCheck(component="algorithm", agrees=agrees, told=told)
    if algorithm.loss.kind == "ppo":
        agrees, told = loss_check(algorithm.clip, published.clip)
        yield NumericCheck(component="clip ratios", agrees=agrees, told=told)


def advantage_check(eps: float, published_eps: float) -> tuple[bool, str]:
    """Whether a group's advantages with `eps` are those of the published formula, and the numbers in words."""
    computed = group_advantages(ONE_SUCCESS, eps)
    expected = [(reward - 1 / 8) / (math.sqrt(1 / 8) + published_eps) for reward in ONE_SUCCESS]
    gap = max(abs(one - other) for one, other in zip(computed, expected, strict=True))
    told = f"computed by the engine, rewards 1, 0 x 7: {computed[0]:+.6f} and {computed[1]:+.6f}"
    return gap <= TOLERANCE, f"{told} (published formula {expected[0]:+.6f} and {expected[1]:+.6f})"


def loss_check(clip: ClipConfig, published: ClipConfig) -> tuple[bool, str]:
    """Whether the clipped losses of four tokens are the published ones, and the numbers in words.

    The tokens lie above and below both bounds, with an advantage of 1 and of -1, one of them beyond the dual clip.
    """
    ratios, advantages = (2.0, 0.5, 0.5, 9.0), (1.0, 1.0, -1.0, -1.0)
    computed = [_loss_of(ratio, one, clip) for ratio, one in zip(ratios, advantages, strict=True)]
    expected = [by_hand(ratio, one, published) for ratio, one in zip(ratios, advantages, strict=True)]
    gap = max(abs(one - other) for one, other in zip(computed, expected, strict=True))
    shown = ", ".join(f"{value:+.4f}" for value in computed)
    there = ", ".join(f"{value:+.4f}" for value in expected)
    return (
        gap <= TOLERANCE,
        f"computed by the engine, ratios 2, 0.5, 0.5, 9 and advantages 1, 1, -1, -1: {shown} (there {there})",
    )


def by_hand(ratio: float, advantage: float, clip: ClipConfig) -> float:
    """The published loss of one token: the worse of plain and clipped, bounded for a negative advantage."""
    cut = min(max(ratio, 1 - clip.low), 1 + clip.high)
    worse = max(-advantage * ratio, -advantage * cut)
    return min(worse, -advantage * clip.dual) if advantage < 0 else worse


def _loss_of(ratio: float, advantage: float, clip: ClipConfig) -> float:
    new = torch.tensor([[math.log(ratio)]], dtype=torch.float64)
    mask = torch.ones_like(new)
    advantages = torch.tensor([advantage], dtype=torch.float64)
    return float(policy_loss(new, torch.zeros_like(new), advantages, mask, clip=clip, normaliser=1.0).loss)
