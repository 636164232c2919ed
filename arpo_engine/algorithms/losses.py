"""The policy loss: PPO's clipped ratio with a higher upper bound, and the dual clip. Knows tensors, no models.

Suffixes: B trajectories, T their sampled tokens (right-padded).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from arpo_engine.contract.config.objective import ClipConfig

LARGEST_LOG_RATIO = 60.0
"""exp(60) is about 1e26: beyond every clip, and finite in float32 with room to multiply."""


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """The loss to differentiate, and sums over tokens that become metrics when a whole step is known."""

    loss: Tensor
    clipped: float
    """Tokens whose ratio was cut: above with a positive advantage, below with a negative one."""
    clipped_high: float
    """Those of them that were cut above, which is where clip-higher gives more room."""
    clipped_dual: float
    """Tokens with a negative advantage whose loss was cut by the dual clip."""
    kl_sum: float
    """Sum of old - new log-probs over the tokens: an estimate of the KL to the old policy."""
    tokens: float


def policy_loss(
    logprobs_BT: Tensor,
    old_logprobs_BT: Tensor,
    advantages_B: Tensor,
    mask_BT: Tensor,
    *,
    clip: ClipConfig,
    normaliser: float,
) -> PolicyLoss:
    """Sum of the clipped objective over the masked tokens, divided by `normaliser` (tokens).

    The normaliser is given from outside: the mean is over all tokens of a step, those of trajectories without an
    advantage among them, although these are never computed.
    """
    mask = mask_BT.to(logprobs_BT.dtype)
    # A masked position may hold anything; the difference is zeroed before exp, so that it cannot overflow.
    log_ratio = torch.where(mask_BT.bool(), logprobs_BT - old_logprobs_BT, torch.zeros_like(logprobs_BT))
    advantages = advantages_B[:, None]
    # float32 overflows at exp(88.7); a ratio this far out is cut by the clips anyway, and inf would make NaN gradients.
    ratio = torch.exp(log_ratio.clamp(max=LARGEST_LOG_RATIO))
    clipped = torch.exp(log_ratio.clamp(math.log(1.0 - clip.low), math.log(1.0 + clip.high)))
    plain, cut, bound = -advantages * ratio, -advantages * clipped, -advantages * clip.dual
    higher = torch.maximum(plain, cut)
    lower = torch.minimum(higher, bound)
    per_token = torch.where(advantages < 0, lower, higher)
    with torch.no_grad():
        was_cut = (plain < cut) * mask
        clipped_dual = ((higher > bound) * (advantages < 0) * mask).sum()
        kl_sum = (-log_ratio * mask).sum()
    return PolicyLoss(
        loss=(per_token * mask).sum() / max(normaliser, 1.0),
        clipped=float(was_cut.sum()),
        clipped_high=float((was_cut * (advantages > 0)).sum()),
        clipped_dual=float(clipped_dual),
        kl_sum=float(kl_sum),
        tokens=float(mask.sum()),
    )
