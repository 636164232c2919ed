"""How far a policy is from its reference, and how strongly that is held against it. Knows tensors, no models.

Suffixes: B trajectories, T their sampled tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from arpo_engine.contract.config.objective import KlConfig
from arpo_engine.contract.errors import UnknownEstimator

LARGEST_LOW_VAR = 10.0
LARGEST_EXPONENT = 20.0
"""Beyond it the estimate is cut to LARGEST_LOW_VAR anyway, and an infinite one would have NaN as its gradient."""
LARGEST_ERROR = 0.2
"""Share of the target by which one update of the adaptive weight may see it missed."""


def _low_var(log_ratio: Tensor) -> Tensor:
    bounded = log_ratio.clamp(min=-LARGEST_EXPONENT)
    return torch.clamp((-bounded).exp() + bounded - 1, min=-LARGEST_LOW_VAR, max=LARGEST_LOW_VAR)


ESTIMATORS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "kl": lambda log_ratio: log_ratio,
    "abs": torch.abs,
    "mse": lambda log_ratio: 0.5 * log_ratio.square(),
    "low_var": _low_var,
}
"""Of the log-ratio policy - reference; see http://joschu.net/blog/kl-approx.html."""


def kl_of_tokens(logprobs_BT: Tensor, reference_BT: Tensor, estimator: str) -> Tensor:
    """Estimated distance at each token (nats), in float32 whatever comes in, as the published code has it.

    Raises:
        UnknownEstimator: there is no such estimator.
    """
    if estimator not in ESTIMATORS:
        raise UnknownEstimator(f"there is no KL estimator {estimator!r}; use one of {', '.join(ESTIMATORS)}")
    return ESTIMATORS[estimator](logprobs_BT.float() - reference_BT.float())


class KlWeight:
    """The weight of the penalty: fixed, or steered towards a target distance (arXiv 1909.08593)."""

    def __init__(self, config: KlConfig) -> None:
        self._config = config
        self.coef = config.coef

    def update(self, distance: float, trajectories: int) -> None:
        """Take in the mean distance (nats a token) of a step of so many trajectories; NaN changes nothing."""
        if self._config.control == "fixed" or math.isnan(distance):
            return
        error = max(-LARGEST_ERROR, min(LARGEST_ERROR, distance / self._config.target - 1))
        self.coef *= 1 + error * trajectories / self._config.horizon

    def state_dict(self) -> dict[str, Any]:
        """The weight."""
        return {"coef": self.coef}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a saved weight; a fixed one stays as the config has it."""
        if self._config.control == "adaptive":
            self.coef = float(state["coef"])


def penalised(scores_BT: Tensor, kl_BT: Tensor, coef: float) -> Tensor:
    """Rewards of tokens: their scores less `coef` times the distance at each.

    A score of a whole trajectory, given as [B, 1] beside several tokens, counts once, at the first of them; added to
    every token it would count as often as the trajectory has tokens.
    """
    scores = torch.zeros_like(kl_BT, dtype=torch.promote_types(scores_BT.dtype, kl_BT.dtype))
    scores[:, : scores_BT.shape[1]] = scores_BT
    return scores - coef * kl_BT
