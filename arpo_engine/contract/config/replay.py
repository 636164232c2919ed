"""What ARPO remembers, and how a remembered success comes back. Knows no trajectories."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arpo_engine.contract.base import Strict


class ReplayConfig(Strict):
    """Experience replay as ARPO has it: a group of rollouts that all failed gets back one remembered success."""

    enabled: bool = True
    """Off really is off: nothing is remembered and nothing is injected. (The published code declares such a switch and
    never reads it.)"""
    capacity_per_task: int = Field(8, ge=1)
    """Successes remembered for one task; the oldest leaves first."""
    admit_above: float = Field(0.1, ge=0)
    """A rollout is remembered when its task score is above this."""
    inject_if_std_below: float = Field(0.05, ge=0)
    """A group is rescued when its task scores spread less than this (population standard deviation, format left out, as
    the published code has it) ..."""
    inject_if_mean_below: float = Field(0.2)
    """... and their mean is below this."""
    old_logprobs: Literal["as_mode", "behaviour", "recomputed", "truncated"] = "as_mode"
    """Old log-probs of a replayed success. `behaviour`: those it was sampled with, so that the ratio is the true one
    and the clip bounds it (corrected mode). `recomputed`: today's, which makes the ratio 1 and hides that the policy
    has changed since, as the published code does (paper mode). `truncated`: today's for the clip, and the true ratio as
    a weight that is cut at importance_cap."""
    importance_cap: float = Field(2.0, ge=1)
    """For `truncated`: largest weight of a replayed token; it bounds the variance at the price of a small bias."""
    slot: Literal["as_mode", "random", "first"] = "as_mode"
    """Which failure gives up its place. `random`: a seeded choice (corrected mode). `first`: always the first rollout,
    as the published code does (paper mode); it then never learns from what stands there."""
    per_group: int = Field(1, ge=1)
    """Most failures of one group that are replaced; each success comes at most once, and at least one failure stays."""
    choice: Literal["uniform", "newest", "least_used"] = "uniform"
    """Which success of the task comes back: any, the latest, or one that came back least often so far."""
    max_age_steps: int | None = Field(None, ge=1)
    """Training steps after which a success is too old to come back; none for no limit."""
    max_staleness: int | None = Field(None, ge=1)
    """Versions of the weights after which a success is too far from the policy to come back; none for no limit."""
    seed: int | None = Field(None, ge=0)
    """Seed of these choices; none to use the run's."""
