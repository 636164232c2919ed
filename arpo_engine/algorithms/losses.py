"""The policy loss: PPO's clipped ratio with a dual clip, or a relative of it. Knows tensors, no models.

Suffixes: B trajectories, T their sampled tokens (right-padded).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from arpo_engine.contract.config.objective import ClipConfig

LossKind = Literal["ppo", "gspo", "cispo"]
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
    kind: LossKind = "ppo",
    per_trajectory: bool = False,
    weights_BT: Tensor | None = None,
) -> PolicyLoss:
    """Sum of the clipped objective over the masked tokens, divided by `normaliser`.

    The normaliser is given from outside: the mean is over all tokens of a step, those of trajectories without an
    advantage among them, although these are never computed.

    Args:
        logprobs_BT: log-probs under the policy that learns.
        old_logprobs_BT: log-probs that the ratio is taken to.
        advantages_B: one advantage for each trajectory.
        mask_BT: which tokens were sampled.
        clip: bounds of the ratio.
        normaliser: number of tokens, or of trajectories where `per_trajectory` is set; at least 1.
        kind: `ppo` clips each token's ratio, `gspo` the whole trajectory's, `cispo` only the weight of a gradient.
        per_trajectory: take the mean within each trajectory first, so that all of them weigh alike.
        weights_BT: importance weights that the loss of each token is multiplied by.
    """
    mask = mask_BT.to(logprobs_BT.dtype)
    # A masked position may hold anything; the difference is zeroed before exp, so that it cannot overflow.
    log_ratio = torch.where(mask_BT.bool(), logprobs_BT - old_logprobs_BT, torch.zeros_like(logprobs_BT))
    if kind == "gspo":
        log_ratio = _of_whole_trajectories(log_ratio, mask)
    advantages = advantages_B[:, None]
    # float32 overflows at exp(88.7); a ratio this far out is cut by the clips anyway, and inf would make NaN gradients.
    ratio = torch.exp(log_ratio.clamp(max=LARGEST_LOG_RATIO))
    clipped = torch.exp(log_ratio.clamp(_log(1.0 - clip.low), math.log(1.0 + clip.high)))
    plain, cut, bound = -advantages * ratio, -advantages * clipped, -advantages * clip.dual
    higher = torch.maximum(plain, cut)
    if kind == "cispo":
        per_token = -advantages * clipped.detach() * torch.where(mask_BT.bool(), logprobs_BT, 0.0)
    else:
        per_token = torch.where(advantages < 0, torch.minimum(higher, bound), higher)
    per_token = per_token if weights_BT is None else per_token * weights_BT
    with torch.no_grad():
        was_cut = (plain < cut) * mask
        clipped_dual = (higher > bound) * (advantages < 0) * mask
        counted = (was_cut, was_cut * (advantages > 0), clipped_dual, -log_ratio * mask, mask)
        counts = [float(values.sum()) for values in counted]
    return PolicyLoss(aggregate(per_token, mask, normaliser, per_trajectory=per_trajectory), *counts)


def aggregate(values_BT: Tensor, mask_BT: Tensor, normaliser: float, *, per_trajectory: bool = False) -> Tensor:
    """One number from the values of tokens: their sum, or the sum of each trajectory's mean, over `normaliser`."""
    if per_trajectory:
        means = (values_BT * mask_BT).sum(dim=1) / mask_BT.sum(dim=1).clamp(min=1)
        return means.sum() / max(normaliser, 1.0)
    return (values_BT * mask_BT).sum() / max(normaliser, 1.0)


def _of_whole_trajectories(log_ratio_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """The trajectory's mean log-ratio at each of its tokens, each with its own token's gradient (GSPO-token)."""
    means = (log_ratio_BT * mask_BT).sum(dim=1, keepdim=True) / mask_BT.sum(dim=1, keepdim=True).clamp(min=1)
    return log_ratio_BT - log_ratio_BT.detach() + means.detach()


def _log(bound: float) -> float:
    """The logarithm of a clip bound; a ratio of 0 is below none."""
    return math.log(bound) if bound > 0 else -math.inf
