"""The fixed set of measured episodes, kept whole at every measurement and laid side by side (verl's
`val_generations_to_log`).

One JSON file a measurement and episode, so that nothing is read back to add one. Knows episodes; knows no trainer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arpo_engine.contract.errors import ConfigError
from arpo_engine.evaluation.attempts import solved
from arpo_engine.rollout.plans import Plan
from arpo_engine.types import Trajectory

FOLDER = "compared"
_STEP = re.compile(r"step_(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One task over the steps of a run: what its episode came to each time."""

    split: str
    task_id: str
    instruction: str
    by_step: dict[int, dict[str, Any]]
    """Training step to the kept episode."""


def compared_path(run_dir: Path, split: str, step: int) -> Path:
    """The folder of one measurement's kept episodes."""
    return run_dir / "results" / FOLDER / split / f"step_{step:06d}"


def keep_compared(folder: Path, plan: Plan, trajectory: Trajectory) -> None:
    """Write the episode down if it belongs to the fixed set; every turn with its words, tokens and log-probs."""
    if not plan.compared:
        return
    folder.mkdir(parents=True, exist_ok=True)
    tree = {
        "task_id": plan.task.id,
        "instruction": plan.task.instruction,
        "episode_id": trajectory.episode_id,
        "score": trajectory.score,
        "solved": solved(trajectory),
        "fault": trajectory.fault,
        "ended_by": trajectory.ended_by,
        "turns": [
            {
                "text": step.text,
                "action": step.action.model_dump(mode="json") if step.action else None,
                "reply_ids": step.reply_ids,
                "reply_logprobs": step.reply_logprobs,
            }
            for step in trajectory.steps
        ],
    }
    name = re.sub(r"[^\w.-]", "_", plan.task.id)
    (folder / f"{name}.json").write_text(json.dumps(tree, indent=1), encoding="utf-8")


def read_compared(run_dir: Path) -> list[Course]:
    """The kept episodes of a run, one course a task, splits and tasks in order.

    Raises:
        ConfigError: the run kept none, or a file of it cannot be read.
    """
    root = run_dir / "results" / FOLDER
    found: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for path in sorted(root.glob("*/step_*/*.json")):
        step = _STEP.fullmatch(path.parent.name)
        if step is None:
            continue
        try:
            tree = json.loads(path.read_text(encoding="utf-8"))
            task_id = str(tree["task_id"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is no kept episode ({error}); delete it, the others are whole") from error
        found.setdefault((path.parent.parent.name, task_id), {})[int(step[1])] = tree
    if not found:
        raise ConfigError(f"{root} holds no kept episodes; train with validation.compare=4, say")
    return [
        Course(
            split=split,
            task_id=task_id,
            instruction=str(next(iter(by_step.values())).get("instruction", "")),
            by_step=dict(sorted(by_step.items())),
        )
        for (split, task_id), by_step in sorted(found.items())
    ]


def first_difference(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> int | None:
    """The first turn (from 0) that says something else; None where all turns are alike."""
    for index, (one, other) in enumerate(zip(before, after, strict=False)):
        if one.get("text") != other.get("text"):
            return index
    return None if len(before) == len(after) else min(len(before), len(after))
