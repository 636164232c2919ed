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


class LearnerConfig(PassesConfig, RanksConfig):
    """How the learner computes. Settings change memory and time; what is learnt changes only by rounding."""
