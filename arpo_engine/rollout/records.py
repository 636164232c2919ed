"""The tokens of every step on disk: ids as sampled, their log-probs, the weights that sampled them.

One compressed file a training step, `results/tokens/step_000012.npz`; small enough to keep all of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arpo_engine.types import Trajectory


def tokens_path(run_dir: Path, step: int) -> Path:
    """Where the tokens of a training step are."""
    return run_dir / "results" / "tokens" / f"step_{step:06d}.npz"


def write_tokens(path: Path, trajectories: Sequence[Trajectory]) -> None:
    """Write all turns of the given trajectories; `read_tokens` gives them back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    turns = [step for trajectory in trajectories for step in trajectory.steps]
    index = [
        {"episode_id": trajectory.episode_id, "task_id": trajectory.task_id, "turns": len(trajectory.steps)}
        for trajectory in trajectories
    ]
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            index=np.array(json.dumps(index)),
            prompt_lengths=np.array([len(turn.prompt_ids) for turn in turns], dtype=np.int32),
            prompt_ids=np.array([token for turn in turns for token in turn.prompt_ids], dtype=np.int32),
            reply_lengths=np.array([len(turn.reply_ids) for turn in turns], dtype=np.int32),
            reply_ids=np.array([token for turn in turns for token in turn.reply_ids], dtype=np.int32),
            reply_logprobs=np.array([value for turn in turns for value in turn.reply_logprobs], dtype=np.float32),
            windows=np.array([turn.window or 0 for turn in turns], dtype=np.int32),
            weight_versions=np.array([turn.weight_version for turn in turns], dtype=np.int32),
        )


def read_tokens(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Episode id to its turns, each with `prompt_ids`, `reply_ids`, `reply_logprobs`, `weight_version` and `window`."""
    with np.load(path, allow_pickle=False) as arrays:
        index = json.loads(str(arrays["index"]))
        prompts = _split(arrays["prompt_ids"], arrays["prompt_lengths"])
        replies = _split(arrays["reply_ids"], arrays["reply_lengths"])
        logprobs = _split(arrays["reply_logprobs"], arrays["reply_lengths"])
        versions = arrays["weight_versions"].tolist()
        # A file from before there were windows has none.
        windows = arrays["windows"].tolist() if "windows" in arrays else [0] * len(versions)
    episodes: dict[str, list[dict[str, Any]]] = {}
    turn = 0
    for entry in index:
        episodes[entry["episode_id"]] = [
            {
                "prompt_ids": prompts[number],
                "reply_ids": replies[number],
                "reply_logprobs": logprobs[number],
                "weight_version": versions[number],
                "window": windows[number] or None,
            }
            for number in range(turn, turn + entry["turns"])
        ]
        turn += entry["turns"]
    return episodes


def _split(flat: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any]) -> list[list[Any]]:
    if not len(lengths):
        return []
    return [part.tolist() for part in np.split(flat, np.cumsum(lengths)[:-1])]
