"""ARPO: GRPO plus replay. A group that failed as a whole gets one remembered success, so that it teaches something.

As published (arXiv 2505.16282 and its code): the rule looks at the task scores of the fresh rollouts, the remembered
success takes the place of one of them, and this step's own successes are remembered only afterwards. Which place: in
`paper` mode always the first, as the published code does, otherwise one that is drawn.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arpo_engine.algorithms.base import Collected, Penalty, Prepared
from arpo_engine.algorithms.grouping import Draft, make_groups
from arpo_engine.algorithms.replay import Now, ReplayBuffer
from arpo_engine.contract.config import ArpoConfig, ReplayConfig
from arpo_engine.contract.config.choices import choices_of
from arpo_engine.types import Trajectory


def all_failed(fresh: Sequence[Trajectory], config: ReplayConfig) -> bool:
    """Whether the scores of a group are low and alike, so that replay may rescue it; a NaN is neither."""
    scores_G = [trajectory.score or 0.0 for trajectory in fresh]
    return (
        all(map(math.isfinite, scores_G))
        and statistics.pstdev(scores_G) < config.inject_if_std_below
        and statistics.fmean(scores_G) < config.inject_if_mean_below
    )


class Arpo:
    """GRPO whose hopeless groups are rescued from a memory of successes."""

    def __init__(self, config: ArpoConfig, seed: int) -> None:
        self._config = config
        self._replay = config.replay
        self._replaces_first = choices_of(config).replaces_first
        seed = seed if config.replay.seed is None else config.replay.seed
        self._slots = random.Random(f"replay-slot-{seed}")
        self._buffer = ReplayBuffer(config.replay, seed=seed)

    def prepare(self, collected: Sequence[Collected], penalty: Penalty | None = None) -> Prepared:
        """Rescue what failed as a whole, then remember this step's own successes."""
        drafts = [self._rescued(group) for group in collected if group.fresh]
        groups = make_groups(drafts, self._config, penalty)
        if not self._replay.enabled:
            return Prepared(groups=groups)
        change = self._buffer.remember(trajectory for group in collected for trajectory in group.fresh)
        return Prepared(
            groups=groups,
            admitted=change.admitted,
            evicted=change.evicted,
            stock=change.stock,
            memory_size=len(self._buffer),
            tasks_stocked=self._buffer.tasks_stocked,
        )

    def _rescued(self, collected: Collected) -> Draft:
        if not (self._replay.enabled and all_failed(collected.fresh, self._replay)):
            return Draft(collected, collected.fresh)
        members, replaced = list(collected.fresh), {}
        for success, slot in zip(self._successes(collected), self._places(len(members)), strict=False):
            replaced[slot] = members[slot].episode_id
            members[slot] = success
        return Draft(collected, tuple(members), replaced)

    def _successes(self, collected: Collected) -> list[Trajectory]:
        """Remembered successes that may come back to this group, each at most once."""
        now = Now.of(collected.fresh)
        taken = {trajectory.episode_id for trajectory in collected.fresh}
        found: list[Trajectory] = []
        while len(found) < min(self._replay.per_group, max(1, len(collected.fresh) - 1)):
            success = self._buffer.draw(collected.task_id, without=taken, now=now)
            if success is None:
                break
            taken.add(success.episode_id)
            found.append(success)
        return found

    def _places(self, size: int) -> Iterator[int]:
        """Slots in the order in which they are given up; one is drawn only when it is needed."""
        free = list(range(size))
        while free:
            yield free.pop(0 if self._replaces_first else self._slots.randrange(len(free)))

    def remembered(self) -> dict[str, list[str]]:
        """Task id to the episodes that are remembered for it, the oldest first."""
        return self._buffer.remembered()

    def state_dict(self) -> dict[str, Any]:
        """The memory, unless replay is off."""
        if not self._replay.enabled:
            return {}
        version, internal, gauss = self._slots.getstate()
        return {"replay": self._buffer.state_dict(), "slots": [version, list(internal), gauss]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a saved memory; a run whose replay is off now forgets it."""
        if self._replay.enabled and "replay" in state:
            self._buffer.load_state_dict(state["replay"])
        if self._replay.enabled and "slots" in state:
            version, internal, gauss = state["slots"]
            self._slots.setstate((version, tuple(internal), gauss))
