"""Trajectories packed for a long memory: plain data plus screenshots that are compressed and kept only once.

A desktop shows the same picture again and again (every episode of a task begins alike), so this costs about a tenth of
the pixels. Knows no files; a checkpoint writes what `ReplayBuffer.state_dict` gives it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from arpo_engine.contract.actions import Action
from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.types import Pixels, Step, Trajectory

FASTEST = 1
"""zlib level: a screenshot must be packed in a millisecond."""

_ACTION: TypeAdapter[Action] = TypeAdapter(Action)


@dataclass(frozen=True, slots=True)
class Packed:
    """A trajectory without pixels: `data` is JSON-able, `frames` are keys into the frame store, one a step."""

    episode_id: str
    task_id: str
    data: dict[str, Any]
    frames: tuple[str, ...]


class FrameStore:
    """Compressed screenshots by content, forgotten when the last trajectory that shows them is released."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._uses: Counter[str] = Counter()

    def add(self, pixels: Pixels) -> str:
        """Keep a screenshot (once) and return its key."""
        raw = np.ascontiguousarray(pixels)
        key = hashlib.blake2b(raw.data, digest_size=16).hexdigest()
        if key not in self._blobs:
            self._blobs[key] = zlib.compress(raw.data, FASTEST)
            self._shapes[key] = raw.shape
        self._uses[key] += 1
        return key

    def get(self, key: str) -> Pixels:
        """The screenshot behind a key."""
        return np.frombuffer(zlib.decompress(self._blobs[key]), dtype=np.uint8).reshape(self._shapes[key])

    def release(self, key: str) -> None:
        """One use less."""
        self._uses[key] -= 1
        if self._uses[key] <= 0:
            del self._uses[key], self._blobs[key], self._shapes[key]

    def state_dict(self) -> dict[str, Any]:
        """Shapes as lists, blobs as bytes."""
        return {"blobs": dict(self._blobs), "shapes": {key: list(shape) for key, shape in self._shapes.items()}}

    def load(self, state: dict[str, Any], keys_in_use: list[str]) -> None:
        """Take over a saved store; `keys_in_use` names each use once."""
        self._blobs = dict(state["blobs"])
        self._shapes = {key: tuple(shape) for key, shape in state["shapes"].items()}
        self._uses = Counter(keys_in_use)


def pack(trajectory: Trajectory, store: FrameStore) -> Packed:
    """Take a trajectory apart; its screenshots go into the store."""
    frames = tuple(store.add(step.pixels) for step in trajectory.steps)
    data = {
        "ended_by": trajectory.ended_by.value,
        "score": trajectory.score,
        "format_reward": trajectory.format_reward,
        "reward": trajectory.reward,
        "collected_at_step": trajectory.collected_at_step,
        "duration_s": trajectory.duration_s,
        "note": trajectory.note,
        "steps": [_pack_step(step) for step in trajectory.steps],
    }
    return Packed(trajectory.episode_id, trajectory.task_id, data, frames)


def unpack(packed: Packed, store: FrameStore) -> Trajectory:
    """Put a trajectory together again, equal to the one that was packed."""
    data = packed.data
    steps = tuple(_unpack_step(step, store.get(key)) for step, key in zip(data["steps"], packed.frames, strict=True))
    return Trajectory(
        episode_id=packed.episode_id,
        task_id=packed.task_id,
        steps=steps,
        ended_by=EndedBy(data["ended_by"]),
        score=data["score"],
        format_reward=data["format_reward"],
        reward=data["reward"],
        note=data["note"],
        collected_at_step=data["collected_at_step"],
        duration_s=data["duration_s"],
    )


def _pack_step(step: Step) -> dict[str, Any]:
    return {
        "prompt_ids": list(step.prompt_ids),
        "reply_ids": list(step.reply_ids),
        "reply_logprobs": list(step.reply_logprobs),
        "weight_version": step.weight_version,
        "text": step.text,
        "thought": step.thought,
        "window": step.window,
        "action": None if step.action is None else step.action.model_dump(mode="json"),
    }


def _unpack_step(data: dict[str, Any], pixels: Pixels) -> Step:
    return Step(
        pixels=pixels,
        prompt_ids=tuple(data["prompt_ids"]),
        reply_ids=tuple(data["reply_ids"]),
        reply_logprobs=tuple(data["reply_logprobs"]),
        weight_version=data["weight_version"],
        text=data["text"],
        thought=data["thought"],
        window=data.get("window"),  # a memory from before there were windows has none
        action=None if data["action"] is None else _ACTION.validate_python(data["action"]),
    )
