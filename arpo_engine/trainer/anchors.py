"""What an update holds new log-probs against: old ones, importance weights, and those of a reference policy.

All are tables [B, T] over the members of a step, made before the first update. Suffixes: B members, T sampled tokens.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from arpo_engine.contract.config import ArpoConfig, GrpoConfig
from arpo_engine.contract.config.choices import choices_of
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.siblings import ALONE, Siblings, shared_logprobs
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
        return table[torch.tensor(places, dtype=torch.long, device=table.device), :width]


def old_logprobs(
    policy: Policy, members: Sequence[Member], config: GrpoConfig, temperature: float, siblings: Siblings = ALONE
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
    table = _recomputed(policy, recorded, again, trajectories, temperature, siblings)
    truncated = [place for place, choice in enumerate(chosen) if choice == "truncated"]
    if not truncated:
        return table, None
    weights = torch.ones_like(table)
    rows = torch.tensor(truncated, device=table.device)
    caps = torch.tensor([_largest(members[place], config) for place in truncated], device=table.device)[:, None]
    weights[rows] = torch.minimum(table[rows] - recorded[rows], caps).exp()
    return table, weights


def _largest(member: Member, config: GrpoConfig) -> float:
    """Logarithm of the largest importance weight of a member's tokens."""
    if member.replaced is not None and isinstance(config, ArpoConfig):
        return math.log(config.replay.importance_cap)
    return math.log(config.importance_cap)


def present_logprobs(
    policy: Policy,
    trajectories: Sequence[Trajectory],
    remembered: Collection[str],
    config: GrpoConfig,
    temperature: float,
    siblings: Siblings = ALONE,
) -> Tensor:
    """The log-probs [B, T] under today's policy, which a distance from the reference is measured by.

    What today's weights sampled has recorded ones that are they, unless the config recomputes them. What older weights
    sampled, for a remembered success or ahead of its step (a stream), is always computed again, as the published code
    does.
    """
    recorded = policy.behaviour_logprobs(trajectories)
    everyone = choices_of(config).old_logprobs == "recomputed"
    again = [
        place
        for place, item in enumerate(trajectories)
        if everyone or item.episode_id in remembered or _sampled_ahead(item)
    ]
    return _recomputed(policy, recorded, again, trajectories, temperature, siblings) if again else recorded


def _sampled_ahead(trajectory: Trajectory) -> bool:
    """Whether a token is older than the weights of the step before, which sample for a step; see `Learner.learn`."""
    return any(turn.weight_version < trajectory.collected_at_step - 1 for turn in trajectory.steps)


def _recomputed(
    policy: Policy,
    recorded: Tensor,
    places: Sequence[int],
    trajectories: Sequence[Trajectory],
    temperature: float,
    siblings: Siblings,
) -> Tensor:
    new = shared_logprobs(siblings, policy, [trajectories[place] for place in places], temperature)
    table = recorded.clone()
    table[torch.tensor(places, device=table.device), : new.shape[1]] = new
    return table
