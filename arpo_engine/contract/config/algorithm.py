"""How rewards become gradients: GRPO, and ARPO which adds remembered successes."""

from __future__ import annotations

from typing import Annotated, Literal

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


class ReplayConfig(Strict):
    """Experience replay as ARPO has it: a group of rollouts that all failed gets back one remembered success."""

    enabled: bool = True
    """Off really is off: nothing is remembered and nothing is injected."""
    capacity_per_task: int = Field(8, ge=1)
    """Successes remembered for one task; the oldest leaves first."""
    admit_above: float = Field(0.1, ge=0)
    """A rollout is remembered when its task score is above this."""
    inject_if_std_below: float = Field(0.05, ge=0)
    """A group is rescued when its task scores spread less than this (population standard deviation, format left out, as
    the published code has it) ..."""
    inject_if_mean_below: float = Field(0.2)
    """... and their mean is below this."""
    old_logprobs: Literal["behaviour", "recomputed"] = "behaviour"
    """Old log-probs of a replayed success: those it was sampled with (importance-corrected), or recomputed with the
    current policy, which makes the ratio 1, as the published code does."""


class GrpoConfig(Strict):
    """Group-relative policy optimisation: each rollout is compared with its siblings on the same task."""

    kind: Literal["grpo"] = "grpo"
    clip: ClipConfig = ClipConfig()
    epochs: int = Field(1, ge=1, le=8)
    """Passes over the trajectories of one step."""
    minibatches: int = Field(2, ge=1)
    """Optimizer updates per pass; the trajectories of a step are split evenly over them."""
    advantage_eps: float = Field(1e-6, gt=0)
    """Added to the group's standard deviation before dividing."""


class ArpoConfig(GrpoConfig):
    """GRPO with experience replay (arXiv 2505.16282)."""

    kind: Literal["arpo"] = "arpo"  # type: ignore[assignment]
    replay: ReplayConfig = ReplayConfig()


AlgorithmConfig = Annotated[GrpoConfig | ArpoConfig, Field(discriminator="kind")]
