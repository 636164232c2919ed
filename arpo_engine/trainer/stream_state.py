"""What a checkpoint keeps of a stream: which groups were begun, and the episodes of them that had ended.

Nothing that was finished is lost by a stop or a crash, and nothing is counted twice: an episode is either in here, or
already learnt from. Plain data; packing takes its time and may run beside the event loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from arpo_engine.algorithms.packing import FrameStore, Packed, pack, unpack
from arpo_engine.rollout.stream import Begun
from arpo_engine.types import Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """A stream at one moment."""

    planned: int
    begun: list[Begun]

    def packed(self) -> dict[str, Any]:
        """As a checkpoint holds it."""
        store = FrameStore()
        groups = [
            {
                "step": begun.plan.episodes[0].step,
                "place": begun.plan.place,
                "task_id": begun.plan.task.id,
                "finished": [_entry(slot, item, store) for slot, item in sorted(begun.finished.items())],
            }
            for begun in self.begun
        ]
        return {"planned": self.planned, "groups": groups, "frames": store.state_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedGroup:
    """One group of a checkpoint."""

    step: int
    place: int
    task_id: str
    finished: dict[int, Trajectory]


def unpacked(state: Mapping[str, Any]) -> Iterator[SavedGroup]:
    """The groups of a saved stream."""
    store = FrameStore()
    store.load(state["frames"], [])
    for group in state["groups"]:
        finished = {
            int(entry["slot"]): unpack(
                Packed(entry["episode_id"], group["task_id"], entry["data"], tuple(entry["frames"])), store
            )
            for entry in group["finished"]
        }
        yield SavedGroup(step=group["step"], place=group["place"], task_id=group["task_id"], finished=finished)


def _entry(slot: int, trajectory: Trajectory, store: FrameStore) -> dict[str, Any]:
    packed = pack(trajectory, store)
    return {"slot": slot, "episode_id": packed.episode_id, "data": packed.data, "frames": list(packed.frames)}
