"""More rollouts for groups from which nothing can be learnt yet, because all of them were rewarded alike. Bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from arpo_engine.algorithms.base import Collected
from arpo_engine.rollout.group import collect_groups
from arpo_engine.rollout.plans import GroupPlan, Planner
from arpo_engine.rollout.scheduler import Scheduler


def rewarded_alike(group: Collected) -> bool:
    """Whether a group has nothing to compare: at most one member, or no two different rewards."""
    return len({trajectory.reward for trajectory in group.fresh}) < 2


async def sample_more(
    scheduler: Scheduler,
    planner: Planner,
    plans: Sequence[GroupPlan],
    collected: Sequence[Collected],
    *,
    extra: int,
    tell: Callable[[Sequence[GroupPlan]], None],
) -> list[Collected]:
    """Run such groups on, as many rollouts at a time as they began with, until they differ or had `extra` more.

    `tell` hears of each round before it begins, since nobody can know beforehand how many there will be.
    """
    groups = list(collected)
    sizes = [len(plan.episodes) for plan in plans]
    most = [size + extra for size in sizes]

    def waiting() -> list[int]:
        return [place for place, group in enumerate(groups) if rewarded_alike(group) and sizes[place] < most[place]]

    while places := waiting():
        more = []
        for place in places:
            count = min(len(plans[place].episodes), most[place] - sizes[place])
            more.append(planner.more(plans[place], taken=sizes[place], count=count))
            sizes[place] += count
        tell(more)
        for place, found in zip(places, await collect_groups(scheduler, more), strict=True):
            known = groups[place]
            groups[place] = replace(
                known,
                fresh=known.fresh + found.fresh,
                faults=known.faults + found.faults,
                dropped=known.dropped + found.dropped,
            )
    return groups
