"""What is minimised: the policy loss, how tokens are averaged, and the distance from a reference policy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arpo_engine.contract.base import Strict


class ClipConfig(Strict):
    """PPO's clipped ratio with a higher upper bound, and the dual clip for negative advantages."""

    low: float = Field(0.2, gt=0, lt=1)
    """Lower bound of the ratio is 1 - low."""
    high: float = Field(0.3, gt=0)
    """Upper bound of the ratio is 1 + high (clip-higher)."""
    dual: float = Field(3.0, gt=1)
    """Bound on the loss of a token with a negative advantage, as a multiple of the advantage."""


class LossConfig(Strict):
    """The policy loss and how its tokens are averaged."""

    kind: Literal["ppo", "gspo", "cispo"] = "ppo"
    """`ppo`: the clipped ratio of each token. `gspo`: the ratio of the whole trajectory, its tokens' geometric mean
    (arXiv 2507.18071); clip bounds are then a hundred times smaller, such as 3e-4. `cispo`: no token loses its
    gradient, the ratio is a weight cut to the clip bounds (arXiv 2506.13585)."""
    aggregation: Literal["token_mean", "seq_mean", "constant"] = "token_mean"
    """`token_mean`: every token of the step counts alike, so long trajectories weigh more. `seq_mean`: every trajectory
    counts alike (the published code, with one trajectory a micro-batch). `constant`: each trajectory's sum is divided
    by constant_tokens, which favours neither long nor short ones (Dr.GRPO)."""
    constant_tokens: int = Field(512, ge=1)
    """For `constant`: tokens that a trajectory's sum is divided by."""


class KlConfig(Strict):
    """Distance from a reference policy, as a penalty."""

    place: Literal["off", "loss", "reward"] = "off"
    """`off`: no reference is loaded. `loss`: added to the loss of each token. `reward`: the trajectory's sum is taken
    from its reward before siblings are compared."""
    estimator: Literal["kl", "abs", "mse", "low_var"] = "low_var"
    """Of the log-ratio d to the reference: d, |d|, d²/2, or exp(-d) - 1 + d (never negative, little variance; cut to
    ±10)."""
    coef: float = Field(1e-2, ge=0)
    """Weight of the penalty."""
    control: Literal["fixed", "adaptive"] = "fixed"
    """`adaptive` steers the weight towards target (arXiv 1909.08593)."""
    target: float = Field(0.1, gt=0)
    """For `adaptive`: distance (nats a token) that is aimed at."""
    horizon: float = Field(10_000, gt=0)
    """For `adaptive`: trajectories over which the weight is adapted."""
    reference: str | None = None
    """Folder or name of the reference policy; none for the policy that the run starts from."""
    offload: bool = True
    """Keep the reference in the computer's memory and bring it to the accelerator only while it is asked."""
