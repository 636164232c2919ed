"""The memory of ARPO: for each task its latest successes, first in first out. Saved with every checkpoint."""

from __future__ import annotations

import random
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arpo_engine.algorithms.packing import FrameStore, Packed, pack, unpack
from arpo_engine.contract.config import ReplayConfig
from arpo_engine.types import Trajectory


@dataclass(slots=True)
class Change:
    """What one step changed in the memory."""

    admitted: dict[str, list[str]] = field(default_factory=dict)
    evicted: dict[str, list[str]] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Now:
    """The moment that the age of a success is counted back from."""

    step: int
    weight_version: int

    @classmethod
    def of(cls, fresh: Sequence[Trajectory]) -> Now:
        """When rollouts were collected, and the newest weights that sampled them."""
        versions = [step.weight_version for trajectory in fresh for step in trajectory.steps]
        return cls(max(trajectory.collected_at_step for trajectory in fresh), max(versions, default=0))


class ReplayBuffer:
    """Per-task FIFO of successes. Draws from a random generator of its own, so nothing else shifts its choices."""

    def __init__(self, config: ReplayConfig, *, seed: int) -> None:
        self._config = config
        self._random = random.Random(f"replay-{seed}")
        self._entries: defaultdict[str, deque[Packed]] = defaultdict(deque)
        self._frames = FrameStore()
        self._uses: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._entries.values())

    @property
    def tasks_stocked(self) -> int:
        """Tasks with at least one success."""
        return sum(1 for entries in self._entries.values() if entries)

    def remembered(self) -> dict[str, list[str]]:
        """Task id to the remembered episodes, the oldest first."""
        return {task_id: self.episodes_of(task_id) for task_id in self._entries}

    def episodes_of(self, task_id: str) -> list[str]:
        """Remembered episodes of a task, the oldest first."""
        return [packed.episode_id for packed in self._entries.get(task_id, ())]

    def remember(self, trajectories: Iterable[Trajectory]) -> Change:
        """Admit every trajectory whose score is above the threshold; the oldest of its task leave when it is full."""
        change = Change()
        for trajectory in trajectories:
            if trajectory.score is None or not trajectory.score > self._config.admit_above:  # so that NaN stays out
                continue
            self._admit(trajectory, change)
        change.stock = {task_id: len(self._entries[task_id]) for task_id in change.admitted}
        return change

    def draw(self, task_id: str, *, without: Collection[str] = (), now: Now | None = None) -> Trajectory | None:
        """One remembered success of the task by the configured choice, or none.

        Args:
            task_id: the task that it must have solved.
            without: episodes that must not return.
            now: the moment by which it may be too old or too far from the policy; without one nothing is.
        """
        choices = [packed for packed in self._entries.get(task_id, ()) if packed.episode_id not in without]
        if now is not None:
            choices = [packed for packed in choices if self._recent(packed, now)]
        if not choices:
            return None
        if self._config.choice == "newest":
            choices = choices[-1:]
        elif self._config.choice == "least_used":
            fewest = min(self._uses[packed.episode_id] for packed in choices)
            choices = [packed for packed in choices if self._uses[packed.episode_id] == fewest]
        chosen = self._random.choice(choices)
        self._uses[chosen.episode_id] += 1
        return unpack(chosen, self._frames)

    def state_dict(self) -> dict[str, Any]:
        """Entries in order, frames, and the state of the random generator."""
        version, internal, gauss = self._random.getstate()
        return {
            "entries": [
                {
                    "episode_id": packed.episode_id,
                    "task_id": task_id,
                    "data": packed.data,
                    "frames": list(packed.frames),
                }
                for task_id, entries in self._entries.items()
                for packed in entries
            ],
            "frames": self._frames.state_dict(),
            "random": [version, list(internal), gauss],
            "uses": dict(self._uses),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved memory."""
        self._entries.clear()
        for entry in state["entries"]:
            packed = Packed(entry["episode_id"], entry["task_id"], entry["data"], tuple(entry["frames"]))
            self._entries[packed.task_id].append(packed)
        self._frames.load(state["frames"], [key for entry in state["entries"] for key in entry["frames"]])
        version, internal, gauss = state["random"]
        self._random.setstate((version, tuple(internal), gauss))
        self._uses = Counter(state.get("uses", {}))

    def _recent(self, packed: Packed, now: Now) -> bool:
        age, limit = now.step - packed.data["collected_at_step"], self._config.max_age_steps
        turns, stalest = packed.data["steps"], self._config.max_staleness
        staleness = now.weight_version - turns[0]["weight_version"] if turns else 0
        return (limit is None or age <= limit) and (stalest is None or staleness <= stalest)

    def _admit(self, trajectory: Trajectory, change: Change) -> None:
        entries = self._entries[trajectory.task_id]
        entries.append(pack(trajectory, self._frames))
        change.admitted.setdefault(trajectory.task_id, []).append(trajectory.episode_id)
        while len(entries) > self._config.capacity_per_task:
            oldest = entries.popleft()
            self._uses.pop(oldest.episode_id, None)
            for key in oldest.frames:
                self._frames.release(key)
            change.evicted.setdefault(trajectory.task_id, []).append(oldest.episode_id)
