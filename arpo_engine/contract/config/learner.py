"""How an update is computed: what is held in memory at once. Nothing of it changes what is learnt."""

from __future__ import annotations

from pydantic import Field

from arpo_engine.contract.base import Strict
from arpo_engine.contract.config.ranks import RanksConfig


class PassesConfig(Strict):
    """How log-probs of whole episodes are computed. Settings change memory and time; results only by rounding."""

    tokens_per_pass: int | None = Field(None, ge=1)
    """Tokens (those of screenshots among them) that are computed at once. A minibatch of more is learnt from in parts
    of alike size, whose gradients add up to those of the whole; a longer trajectory is a part of its own. None: a
    minibatch is held whole."""
    padding_free: bool = False
    """Trajectories stand in one row, one after another, instead of one row each that is padded to the longest."""
    logits_tokens: int | None = Field(None, ge=1)
    """Sampled tokens whose logits over the whole vocabulary exist at once; they are computed once more for the
    gradient. None: those of all tokens of a pass."""
    gradient_checkpointing: bool = False
    """Keep of each layer only what it reads, and compute the rest once more for the gradient: a fraction of the memory
    for about a third more time."""


class LearnerConfig(PassesConfig, RanksConfig):
    """How the learner computes. Settings change memory and time; what is learnt changes only by rounding."""
