"""One advantage for each trajectory: its reward beside that of its siblings, of the step, or of a greedy rollout.

Plain numbers, exact sums, no tensors. Suffixes: G one value per member of a group, B per trajectory of a step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from arpo_engine.contract.config import GrpoConfig

WHITENING_EPS = 1e-8
"""Added to the variance of a whole step, as the published code does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewarded:
    """What there is to compare in one group."""

    name: str
    """Groups of the same name are compared as one."""
    rewards_G: tuple[float, ...]
    tokens_G: tuple[int, ...]
    baseline: float | None = None
    """Reward of a greedy rollout of the same task."""


def group_advantages(rewards_G: Sequence[float], eps: float) -> list[float]:
    """(reward - mean) / (unbiased std + eps); equal rewards, or a member without siblings, give exactly zero."""
    size = len(rewards_G)
    if size < 2 or max(rewards_G) == min(rewards_G):
        return [0.0] * size
    mean = math.fsum(rewards_G) / size
    std = math.sqrt(math.fsum((reward - mean) ** 2 for reward in rewards_G) / (size - 1))
    return [(reward - mean) / (std + eps) for reward in rewards_G]


def centred(rewards_G: Sequence[float]) -> list[float]:
    """Reward - mean (Dr.GRPO, arXiv 2503.20783); equal rewards give exactly zero."""
    size = len(rewards_G)
    if size < 2 or max(rewards_G) == min(rewards_G):
        return [0.0] * size
    mean = math.fsum(rewards_G) / size
    return [reward - mean for reward in rewards_G]


def left_out(rewards_G: Sequence[float]) -> list[float]:
    """Reward - mean of the others (RLOO, arXiv 2402.14740); equal rewards, or a lone member, give exactly zero."""
    size = len(rewards_G)
    return [advantage * size / (size - 1) for advantage in centred(rewards_G)] if size > 1 else [0.0] * size


def whitened(rewards_B: Sequence[float], tokens_B: Sequence[int]) -> list[float]:
    """Rewards with mean 0 and variance 1 over all tokens of a step (REINFORCE++ without discount, arXiv 2501.03262)."""
    tokens = sum(tokens_B)
    if tokens < 2 or max(rewards_B) == min(rewards_B):
        return [0.0] * len(rewards_B)
    weighed = list(zip(rewards_B, tokens_B, strict=True))
    mean = math.fsum(reward * count for reward, count in weighed) / tokens
    variance = math.fsum((reward - mean) ** 2 * count for reward, count in weighed) / (tokens - 1)
    return [(reward - mean) / math.sqrt(variance + WHITENING_EPS) for reward in rewards_B]


def step_advantages(groups: Sequence[Rewarded], config: GrpoConfig) -> list[list[float]]:
    """Advantages of all groups of a step, in their order, by the estimator that the config names.

    A group whose greedy rollout was lost to a fault is compared with its own mean (ReMax).
    """
    if config.estimator == "remax":
        return [_against_baseline(group) for group in groups]
    if config.estimator == "reinforce_pp":
        pooled = [("", groups)]
    else:
        by_name: dict[str, list[Rewarded]] = {}
        for group in groups:
            by_name.setdefault(group.name, []).append(group)
        pooled = list(by_name.items())
    advantages: dict[int, list[float]] = {}
    for _, pool in pooled:
        rewards = [reward for group in pool for reward in group.rewards_G]
        compared = iter(_compared(rewards, [count for group in pool for count in group.tokens_G], config))
        for group in pool:
            advantages[id(group)] = [next(compared) for _ in group.rewards_G]
    return [advantages[id(group)] for group in groups]


def _compared(rewards: list[float], tokens: list[int], config: GrpoConfig) -> list[float]:
    match config.estimator:
        case "dr_grpo":
            return centred(rewards)
        case "rloo":
            return left_out(rewards)
        case "reinforce_pp":
            return whitened(rewards, tokens)
        case _:
            return group_advantages(rewards, config.advantage_eps)


def _against_baseline(group: Rewarded) -> list[float]:
    if group.baseline is None:
        return centred(group.rewards_G)
    return [reward - group.baseline for reward in group.rewards_G]
