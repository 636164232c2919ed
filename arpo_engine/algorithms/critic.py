"""Generalised advantages and the value loss. No training here has a critic: these serve conformance only.

Source: verl/trainer/core_algos.py of the published code. Suffixes: B trajectories, T their tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arpo_engine.algorithms.masked import masked_mean, masked_whiten


def gae(rewards_BT: Tensor, values_BT: Tensor, mask_BT: Tensor, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (arXiv 1506.02438), whitened over all tokens under the mask.

    Returns:
        Advantages and returns, both [B, T]; the returns are those before whitening.
    """
    last = torch.zeros_like(values_BT[:, 0])
    following = torch.zeros_like(values_BT[:, 0])
    reversed_advantages = []
    for place in reversed(range(rewards_BT.shape[1])):
        delta = rewards_BT[:, place] + gamma * following - values_BT[:, place]
        last = delta + gamma * lam * last
        following = values_BT[:, place]
        reversed_advantages.append(last)
    advantages = torch.stack(reversed_advantages[::-1], dim=1)
    return masked_whiten(advantages, mask_BT), advantages + values_BT


def value_loss(
    predicted_BT: Tensor, returns_BT: Tensor, old_BT: Tensor, mask_BT: Tensor, clip: float
) -> tuple[Tensor, Tensor]:
    """Half the squared error of the values, at least that of a prediction clipped to `old ± clip`.

    Returns:
        The loss, and the share of tokens that were clipped.
    """
    clipped = torch.clamp(predicted_BT, old_BT - clip, old_BT + clip)
    plain, cut = (predicted_BT - returns_BT) ** 2, (clipped - returns_BT) ** 2
    share = masked_mean((plain < cut).float(), mask_BT)
    return 0.5 * masked_mean(torch.maximum(plain, cut), mask_BT), share
