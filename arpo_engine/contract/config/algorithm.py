"""How rewards become gradients: GRPO, and ARPO which adds remembered successes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from arpo_engine.contract.base import Strict
from arpo_engine.contract.config.objective import ClipConfig, KlConfig, LossConfig
from arpo_engine.contract.config.replay import ReplayConfig


class GrpoConfig(Strict):
    """Group-relative policy optimisation: each rollout is compared with its siblings on the same task."""

    kind: Literal["grpo"] = "grpo"
    mode: Literal["corrected", "paper"] = "corrected"
    """`paper` does what the published code does, its questionable choices among them; `corrected` mends them. It
    decides every setting here that is left at `as_mode`."""
    estimator: Literal["grpo", "dr_grpo", "rloo", "reinforce_pp", "remax"] = "grpo"
    """What a reward is compared with. `grpo`: mean and spread of its siblings. `dr_grpo`: their mean only (arXiv
    2503.20783). `rloo`: the mean of the others (arXiv 2402.14740). `reinforce_pp`: mean and spread of all tokens of the
    step (arXiv 2501.03262). `remax`: one extra greedy rollout a task (arXiv 2310.10505), which costs 1/group_size more
    rollouts."""
    clip: ClipConfig = ClipConfig()
    loss: LossConfig = LossConfig()
    kl: KlConfig = KlConfig()
    epochs: int = Field(1, ge=1, le=8)
    """Passes over the trajectories of one step."""
    minibatches: int = Field(2, ge=1)
    """Optimizer updates per pass; the trajectories of a step are split evenly over them."""
    advantage_eps: float = Field(1e-6, gt=0)
    """Added to the group's standard deviation before dividing."""
    old_logprobs: Literal["as_mode", "behaviour", "recomputed", "truncated"] = "as_mode"
    """Old log-probs of fresh rollouts. `behaviour`: those they were sampled with (corrected mode). `recomputed`:
    computed again before the update, as the published code does (paper mode); it hides what the generator computes
    differently and costs a forward pass. `truncated`: recomputed for the clip, and the true ratio to what they were
    sampled with as a weight that is cut at importance_cap (truncated importance sampling): for a stream, whose rollouts
    are older than the weights, and for a generator that computes differently, such as vLLM in bfloat16."""
    importance_cap: float = Field(2.0, ge=1)
    """For `truncated`: largest weight of a fresh token; it bounds the variance at the price of a small bias."""
    zero_variance: Literal["as_mode", "keep", "drop", "sample_more"] = "as_mode"
    """Trajectories whose advantage is zero, because their siblings were rewarded alike. `keep`: they take part in
    minibatches, so that the optimizer moves by its momentum and its weight decay although nothing was learnt (paper
    mode). `drop`: they are never computed; their tokens still count in the mean, so that a step's size does not depend
    on them (corrected mode). `sample_more`: such a group is first given more rollouts, at most extra_rollouts."""
    extra_rollouts: int = Field(8, ge=1)
    """For `sample_more`: most rollouts that a task gets in one step beyond rollout.group_size."""
    same_task_twice: Literal["as_mode", "apart", "merged"] = "as_mode"
    """Two groups of the same task in one step. `apart`: each is compared within itself (corrected mode). `merged`: as
    one group, as the published code does, whose groups are named by their task (paper mode)."""
    max_learnt_tokens: int | None = Field(None, ge=1)
    """Longest sample that is learnt from (tokens, screenshots among them); a longer one is cut at the last turn that
    fits, together with its screenshots. A sample is a whole trajectory, or one turn of it where agent.history_images
    keeps fewer screenshots. None for no limit. (The published code cuts tokens in the middle of an action and keeps the
    pixels.)"""
    retokenise: bool = False
    """Learn from the reply's text tokenised again instead of the tokens that were sampled, as the published code does:
    decoded without special tokens, and the box tokens round UI-TARS's places written anew. Their log-probs are then
    recomputed, since they were never sampled."""


class ArpoConfig(GrpoConfig):
    """GRPO with experience replay (arXiv 2505.16282)."""

    kind: Literal["arpo"] = "arpo"  # type: ignore[assignment]
    replay: ReplayConfig = ReplayConfig()


AlgorithmConfig = Annotated[GrpoConfig | ArpoConfig, Field(discriminator="kind")]
