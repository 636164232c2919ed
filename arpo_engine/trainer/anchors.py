"""What an update holds new log-probs against: old ones, importance weights, and those of a reference policy.

All are tables [B, T] over the members of a step, made before the first update. Suffixes: B members, T sampled tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from arpo_engine.contract.config import ArpoConfig, GrpoConfig
from arpo_engine.contract.config.choices import choices_of
from arpo_engine.models.policy import Policy
from arpo_engine.types import Member, Trajectory


@dataclass(frozen=True, slots=True)
class Anchors:
    """The members of a step and their tables."""

    members: list[Member]
    old_BT: Tensor
    weights_BT: Tensor | None = None
    """Importance weights, where some are not 1."""
    reference_BT: Tensor | None = None

    def rows(self, table: Tensor, places: Sequence[int], width: int) -> Tensor:
        """The rows of some members, as wide as their longest."""
        return table[torch.tensor(places, device=table.device), :width]


def old_logprobs(
    policy: Policy, members: Sequence[Member], config: GrpoConfig, temperature: float
) -> tuple[Tensor, Tensor | None]:
    """The log-probs that ratios are taken to, and importance weights where the config asks for them.

    Recorded ones, or those of today's weights: for fresh members by `algorithm.old_logprobs`, for replayed ones by
    `algorithm.replay.old_logprobs`.
    """
    choices = choices_of(config)
    trajectories = [member.trajectory for member in members]
    recorded = policy.behaviour_logprobs(trajectories)
    chosen = [choices.old_logprobs if member.replaced is None else choices.replayed_old_logprobs for member in members]
    again = [place for place, choice in enumerate(chosen) if choice != "behaviour"]
    if not again:
        return recorded, None
    table = _recomputed(policy, recorded, again, trajectories, temperature)
    truncated = [place for place, choice in enumerate(chosen) if choice == "truncated"]
    if not truncated:
        return table, None
    weights = torch.ones_like(table)
    rows = torch.tensor(truncated, device=table.device)
    caps = torch.tensor([_cap(members[place], config) for place in truncated], device=table.device)
    weights[rows] = (table[rows] - recorded[rows]).minimum(caps.log()[:, None]).exp()
    return table, weights


def _cap(member: Member, config: GrpoConfig) -> float:
    """Largest importance weight of a member's tokens."""
    if member.replaced is not None and isinstance(config, ArpoConfig):
        return config.replay.importance_cap
    return config.importance_cap


def _recomputed(
    policy: Policy, recorded: Tensor, places: Sequence[int], trajectories: Sequence[Trajectory], temperature: float
) -> Tensor:
    with torch.no_grad():
        new = policy.reply_logprobs([trajectories[place] for place in places], temperature).logprobs
    table = recorded.clone()
    table[torch.tensor(places, device=table.device), : new.shape[1]] = new
    return table
