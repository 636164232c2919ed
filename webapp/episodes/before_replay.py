"""The advantages of a rescued group as they would have been without replay: told by the engine, or what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from webapp.episodes.models import GroupMember, ReplayInjection


def advantages_before(
    members: Sequence[GroupMember], injections: Mapping[str, ReplayInjection], compares_siblings: bool
) -> list[float | None]:
    """What each place would have been trained with. An older engine told it only of the place that changed, or of none;
    where all had the same reward, the others had the same advantage."""
    told = [_told(member, injections.get(member.episode_key)) for member in members]
    known = [value for value in told if value is not None] or ([0.0] if compares_siblings else [])
    if injections and known and _rewarded_alike(members, injections):
        return [known[0] if value is None else value for value in told]
    return told


def _told(member: GroupMember, injection: ReplayInjection | None) -> float | None:
    if member.advantage_before is not None or injection is None:
        return member.advantage_before
    return injection.advantage_before


def _rewarded_alike(members: Sequence[GroupMember], injections: Mapping[str, ReplayInjection]) -> bool:
    """Whether everybody had the same reward before replay changed the group."""
    rewards = set()
    for member in members:
        injection = injections.get(member.episode_key)
        if injection is None:
            rewards.add(member.reward)
        else:
            rewards.add(injection.replaced.reward if injection.replaced else None)
    return len(rewards) == 1 and None not in rewards
