"""Advantages of tokens as the published code computes them, operation by operation and in the dtype of its input.

A training needs one advantage for each trajectory and takes it from `advantages.py`, which is exact where these round;
these are what conformance compares, and `tests/engine/algorithms/test_estimators.py` holds both together.
Source: verl/trainer/core_algos.py of the published code. Suffixes: B trajectories, T their tokens, G one group.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from arpo_engine.algorithms.masked import masked_whiten
from arpo_engine.contract.errors import GroupTooSmall


def grpo(rewards_BT: Tensor, mask_BT: Tensor, index_B: Sequence[Hashable], eps: float = 1e-6) -> Tensor:
    """(score - mean) / (unbiased std + eps) within each group; a score is the sum of a trajectory's rewards.

    Args:
        rewards_BT: rewards of tokens, or one reward for each trajectory as [B, 1].
        mask_BT: where an advantage counts.
        index_B: names the group of each trajectory.
        eps: added to the standard deviation.

    Raises:
        GroupTooSmall: a group has a single member.
    """

    def normed(scores_G: Tensor) -> Tensor:
        return (scores_G - scores_G.mean()) / (scores_G.std() + eps)

    return _grouped(rewards_BT, mask_BT, index_B, normed)


def dr_grpo(rewards_BT: Tensor, mask_BT: Tensor, index_B: Sequence[Hashable]) -> Tensor:
    """Score - mean within each group, without a division by the spread (arXiv 2503.20783). Raises as `grpo` does."""
    return _grouped(rewards_BT, mask_BT, index_B, lambda scores_G: scores_G - scores_G.mean())


def rloo(rewards_BT: Tensor, mask_BT: Tensor, index_B: Sequence[Hashable]) -> Tensor:
    """Score - mean of the other members (arXiv 2402.14740). Raises as `grpo` does."""

    def left_out(scores_G: Tensor) -> Tensor:
        return scores_G - (scores_G.sum() - scores_G) / (len(scores_G) - 1)

    return _grouped(rewards_BT, mask_BT, index_B, left_out)


def remax(rewards_BT: Tensor, baselines_B: Tensor, mask_BT: Tensor) -> Tensor:
    """Score - reward of a greedy rollout of the same task (arXiv 2310.10505)."""
    return (rewards_BT.sum(dim=-1) - baselines_B)[:, None] * mask_BT


def reinforce_pp(rewards_BT: Tensor, mask_BT: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Discounted returns, and the same whitened over all tokens of the batch (arXiv 2501.03262).

    Returns:
        Advantages and returns, both [B, T].
    """
    returns = torch.zeros_like(rewards_BT)
    running = torch.zeros_like(rewards_BT[:, 0])
    for place in reversed(range(rewards_BT.shape[1])):
        running = rewards_BT[:, place] + gamma * running
        returns[:, place] = running
        # What comes after the end of a reply must not flow into it.
        running = running * mask_BT[:, place]
    return masked_whiten(returns, mask_BT), returns


def _grouped(
    rewards_BT: Tensor, mask_BT: Tensor, index_B: Sequence[Hashable], compare: Callable[[Tensor], Tensor]
) -> Tensor:
    scores = rewards_BT.sum(dim=-1)
    places: dict[Hashable, list[int]] = {}
    for row, name in enumerate(index_B):
        places.setdefault(name, []).append(row)
    advantages = torch.zeros_like(scores)
    for name, rows in places.items():
        if len(rows) < 2:
            raise GroupTooSmall(f"group {name!r} has a single member; siblings are compared, so give it 2 or more")
        advantages[rows] = compare(scores[rows]).to(scores.dtype)
    return advantages[:, None] * mask_BT
