"""From the rollouts of a step to the groups that are trained on. Knows plain trajectories, no tensors and no memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from arpo_engine.algorithms.advantages import Rewarded, step_advantages
from arpo_engine.algorithms.base import Collected, Penalty
from arpo_engine.contract.config import GrpoConfig
from arpo_engine.contract.config.choices import choices_of
from arpo_engine.types import Group, Member, Trajectory


@dataclass(frozen=True, slots=True)
class Draft:
    """A group on its way: what was collected, and who takes part in its place."""

    collected: Collected
    members: tuple[Trajectory, ...]
    replaced: Mapping[int, str] = field(default_factory=dict)
    """Slot to the episode whose place an injected trajectory took."""


def make_groups(drafts: Sequence[Draft], config: GrpoConfig, penalty: Penalty | None = None) -> tuple[Group, ...]:
    """Groups with advantages; in one that replay changed, each slot also has the advantage it would have had without.

    Raises:
        ValueError: a trajectory has no reward, or one that is not a finite number.
    """
    rewards = _rewards(drafts, penalty)
    after = _advantages([(draft.collected, draft.members) for draft in drafts], config, rewards)
    before = after
    if any(draft.replaced for draft in drafts):
        before = _advantages([(draft.collected, draft.collected.fresh) for draft in drafts], config, rewards)
    return tuple(_group(*parts) for parts in zip(drafts, after, before, strict=True))


def scored_reward(trajectory: Trajectory) -> float:
    """The reward of a trajectory that has one; one without (a fault) must have left its group before."""
    reward = trajectory.reward
    if reward is None or not math.isfinite(reward):
        known = "no reward" if reward is None else f"the reward {reward}"
        raise ValueError(f"episode {trajectory.episode_id} has {known}; take it out of its group first")
    return reward


def _rewards(drafts: Sequence[Draft], penalty: Penalty | None) -> dict[str, float]:
    """Reward of every episode that takes part or gave up its place, less its penalty; the penalty is asked once."""
    everyone = {item.episode_id: item for draft in drafts for item in (*draft.collected.fresh, *draft.members)}
    rewards = {name: scored_reward(trajectory) for name, trajectory in everyone.items()}
    if penalty is None:
        return rewards
    remembered = everyone.keys() - {item.episode_id for draft in drafts for item in draft.collected.fresh}
    taken = penalty(list(everyone.values()), remembered)
    return {name: reward - less for (name, reward), less in zip(rewards.items(), taken, strict=True)}


def _advantages(
    parts: Sequence[tuple[Collected, Sequence[Trajectory]]], config: GrpoConfig, rewards: Mapping[str, float]
) -> list[list[float]]:
    merged = choices_of(config).merges_same_task
    rewarded = [
        Rewarded(
            name=f"task {collected.task_id}" if merged else f"group {collected.group_id}",
            rewards_G=tuple(rewards[trajectory.episode_id] for trajectory in members),
            tokens_G=tuple(trajectory.tokens for trajectory in members),
            baseline=collected.baseline.reward if collected.baseline is not None else None,
        )
        for collected, members in parts
    ]
    return step_advantages(rewarded, config)


def _group(draft: Draft, after: Sequence[float], before: Sequence[float]) -> Group:
    members = tuple(
        Member(
            trajectory=trajectory,
            advantage=advantage,
            replaced=draft.replaced.get(slot),
            advantage_before=before[slot] if draft.replaced else None,
        )
        for slot, (trajectory, advantage) in enumerate(zip(draft.members, after, strict=True))
    )
    collected = draft.collected
    return Group(
        group_id=collected.group_id,
        task_id=collected.task_id,
        members=members,
        faults=collected.faults,
        fresh=collected.fresh,
    )
