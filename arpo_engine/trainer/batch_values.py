"""What a step is trained on, in numbers by key: rewards, advantages and lengths of its trajectories, replay included.

The published code logs the same of its batch (`metrics.py`, `ray_trainer.py`). Pure: takes groups, returns a dict.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from arpo_engine.types import Group, Trajectory

FLAT = 0.01
"""Spread of rewards under which the published code calls a group invalid (`ray_trainer.py`)."""


def batch_values(groups: Sequence[Group]) -> dict[str, float | None]:
    """Numbers of the groups as they are trained on; empty where there is none.

    Spreads have the n - 1 of the published code. The mean advantage is over tokens, so that a long trajectory counts
    more; tokens are those of whole trajectories, screenshots among them, and of their replies.
    """
    members = [member for group in groups for member in group.members]
    if not members:
        return {}
    rewards = [_reward(member.trajectory) for member in members]
    spreads = [_spread([_reward(member.trajectory) for member in group.members]) for group in groups]
    replies = [member.trajectory.tokens for member in members]
    prompts = [float(_prompt_tokens(member.trajectory)) for member in members]
    turns = [len(member.trajectory.steps) for member in members]
    spoken = [(member.advantage, tokens) for member, tokens in zip(members, replies, strict=True) if tokens]
    a_turn = [tokens / count for tokens, count in zip(replies, turns, strict=True) if count]
    return {
        **_extent("batch/reward", rewards),
        "batch/reward_spread": statistics.fmean(spreads),
        "batch/flat_groups": float(sum(spread < FLAT for spread in spreads)),
        **_extent("batch/advantage", [advantage for advantage, _ in spoken]),
        "batch/advantage": sum(advantage * tokens for advantage, tokens in spoken) / sum(replies) if spoken else None,
        "batch/turns": statistics.fmean(turns),
        **_extent("batch/turn_tokens", a_turn),
        **_extent("batch/prompt_tokens", prompts),
        "batch/reply_tokens": float(sum(replies)),
        "batch/tokens": sum(replies) + sum(prompts),
    }


def _extent(key: str, numbers: Sequence[float]) -> dict[str, float | None]:
    if not numbers:
        return {}
    return {key: statistics.fmean(numbers), f"{key}_max": max(numbers), f"{key}_min": min(numbers)}


def _reward(trajectory: Trajectory) -> float:
    return trajectory.reward or 0.0


def _spread(rewards: Sequence[float]) -> float:
    return statistics.stdev(rewards) if len(rewards) > 1 else 0.0


def _prompt_tokens(trajectory: Trajectory) -> int:
    return sum(len(step.prompt_ids) for step in trajectory.steps)
