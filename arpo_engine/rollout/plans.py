"""What is to be tried, before it is tried: one plan an episode, with a name and a seed that never depend on timing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.tasks import Task
from arpo_engine.inference.base import Sampling

AGAIN = "~"
"""Stands between the name of an episode and the number of its repetition."""
SEED_BITS = 62
"""Seeds stay positive in the signed 64-bit numbers of numpy and torch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One episode to run."""

    episode_id: str
    task: Task
    split: Split
    step: int
    """Training step that it is collected for."""
    seed: int
    sampling: Sampling
    max_steps: int
    slot: int = 0
    """Which of the task's tries it is."""
    keep_frames: bool = True
    compared: bool = False
    """Whether it belongs to the fixed set whose episodes are laid side by side across steps."""
    judged: bool = True
    """Whether the task's evaluator says anything about it; not if the agent follows other words than the task's."""
    group_id: str | None = None
    retry_of: str | None = None
    retries: int = 0
    """How often it was run before this one and lost to a fault."""

    def without_frames(self) -> Plan:
        """The same episode, of which no screenshots are kept."""
        return replace(self, keep_frames=False)

    def again(self) -> Plan:
        """The same episode once more after a fault, under a name that says so and with fresh noise."""
        number = self.retries + 1
        stem = self.episode_id.partition(AGAIN)[0]
        return replace(
            self,
            episode_id=f"{stem}{AGAIN}{number}",
            seed=seed_of(self.seed, "retry", number),
            retry_of=self.episode_id,
            retries=number,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """Rollouts of one task that are compared with each other."""

    group_id: str
    task: Task
    episodes: tuple[Plan, ...]
    baseline: Plan | None = None
    """A greedy rollout that the others are compared with (ReMax)."""
    place: int = 0
    """Which of its step's groups it is."""

    @property
    def all_episodes(self) -> tuple[Plan, ...]:
        """Everything that has to be run."""
        return self.episodes if self.baseline is None else (*self.episodes, self.baseline)


def seed_of(*parts: object) -> int:
    """A number that depends on the parts and nothing else; the same on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - SEED_BITS)


@dataclass(slots=True)
class Planner:
    """Names and seeds episodes. Names carry the attempt, because a resumed run repeats steps; seeds do not."""

    run_seed: int
    attempt: int
    max_steps: int
    sample_every: int
    planned: int = 0
    """Episodes planned so far, for the share of them that keeps screenshots."""

    def groups(
        self,
        tasks: Sequence[Task],
        *,
        size: int,
        step: int,
        sampling: Sampling,
        greedy: bool = False,
        first_place: int = 0,
    ) -> list[GroupPlan]:
        """The rollouts of one training step, or of its groups from `first_place` on; `greedy` adds one of temperature 0
        to each group."""
        plans = []
        for place, task in enumerate(tasks, first_place):
            group_id = f"a{self.attempt}-s{step}-g{place}"
            episodes = tuple(
                self._episode(f"{group_id}-r{slot}", task, Split.TRAIN, step, slot, sampling, group_id, place)
                for slot in range(size)
            )
            baseline = None
            if greedy:
                without_chance = replace(sampling, temperature=0.0)
                baseline = self._episode(
                    f"{group_id}-greedy", task, Split.TRAIN, step, size, without_chance, None, place
                )
            plans.append(GroupPlan(group_id=group_id, task=task, episodes=episodes, baseline=baseline, place=place))
        return plans

    def more(self, group: GroupPlan, *, taken: int, count: int) -> GroupPlan:
        """`count` more rollouts for a group that has had `taken`."""
        first, place = group.episodes[0], group.place
        episodes = tuple(
            self._episode(
                f"{group.group_id}-r{slot}",
                group.task,
                Split.TRAIN,
                first.step,
                slot,
                first.sampling,
                group.group_id,
                place,
            )
            for slot in range(taken, taken + count)
        )
        return GroupPlan(group_id=group.group_id, task=group.task, episodes=episodes, place=place)

    def measurement(
        self,
        tasks: Sequence[Task],
        *,
        attempts: int,
        split: Split,
        step: int,
        sampling: Sampling,
        max_steps: int | None = None,
        compare: int = 0,
    ) -> list[Plan]:
        """Every task `attempts` times, to be scored and not learnt from.

        The first tries of `compare` tasks are the fixed set: the run's seed chooses the tasks, their noise does not
        depend on the step, and their screenshots are kept, so that what differs between two steps is the policy.
        """
        plans = [
            self._episode(
                f"a{self.attempt}-s{step}-{split}-t{place}-r{slot}", task, split, step, slot, sampling, None, place
            )
            for place, task in enumerate(tasks)
            for slot in range(attempts)
        ]
        if max_steps is not None:
            plans = [replace(plan, max_steps=max_steps) for plan in plans]
        # By a number of each task's own, so that a task stays in the set when others join or leave the split.
        fixed = {
            task.id for task in sorted(tasks, key=lambda task: seed_of(self.run_seed, "compare", task.id))[:compare]
        }
        return [self._compared(plan) if plan.slot == 0 and plan.task.id in fixed else plan for plan in plans]

    def _compared(self, plan: Plan) -> Plan:
        seed = seed_of(self.run_seed, plan.split, "compare", plan.task.id)
        return replace(plan, seed=seed, keep_frames=True, compared=True)

    def _episode(
        self,
        name: str,
        task: Task,
        split: Split,
        step: int,
        slot: int,
        sampling: Sampling,
        group_id: str | None,
        place: int,
    ) -> Plan:
        number = self.planned
        self.planned += 1
        return Plan(
            episode_id=name,
            task=task,
            split=split,
            step=step,
            seed=seed_of(self.run_seed, split, step, place, task.id, slot),
            sampling=sampling,
            max_steps=self.max_steps,
            slot=slot,
            # Shifted from group to group, so that it is not always the same sibling; the first episode is always kept.
            keep_frames=(number + place) % self.sample_every == 0,
            group_id=group_id,
        )
