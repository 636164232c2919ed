"""ARPO's own measurements, `eval_results_at_<step>.json` beside its checkpoints: task id to score, one try each.

Written by the published trainer at each validation (`ray_trainer.py`, `_validate`). Knows no statistics.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.tasks import Task
from arpo_engine.evaluation.attempts import Attempt
from arpo_engine.evaluation.osworld_reading import known_as

NAME = re.compile(r"eval_results_at_(\d+)\.json")


@dataclass(frozen=True, slots=True)
class Validation:
    """One measurement of an ARPO run."""

    step: int
    attempts: tuple[Attempt, ...]
    problems: tuple[str, ...] = ()


def find_arpo(place: Path) -> list[Path]:
    """The files at a place: the file itself, or those in the folder, by step; empty where there are none."""
    files = [place] if place.is_file() else list(place.glob("eval_results_at_*.json"))
    return sorted((path for path in files if NAME.fullmatch(path.name)), key=_step)


def read_arpo(path: Path, tasks: Mapping[str, Task] | None = None) -> Validation:
    """One file. The published trainer writes 0.0 for a desktop that broke, so its faults cannot be told from failures.

    Raises:
        ConfigError: it cannot be read as task ids and scores.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}; give a file named eval_results_at_<step>.json"
        ) from error
    except ValueError as error:
        raise ConfigError(
            f"{path} is not whole JSON ({error}); it was cut off while it was written, use the one of another step"
        ) from error
    if not isinstance(tree, dict) or not tree:
        raise ConfigError(f"{path} holds no task ids with scores; give a file named eval_results_at_<step>.json")
    attempts, problems = [], []
    for task_id, score in tree.items():
        if isinstance(score, bool | int | float) and 0.0 <= score <= 1.0:
            attempts.append(known_as(Attempt(task_id=task_id, slot=0, score=float(score)), tasks or {}))
        else:
            shown = json.dumps(score)[:60]
            problems.append(f"{path}: the score of {task_id} is {shown}, which is none from 0 to 1; it is not counted")
    return Validation(_step(path), tuple(attempts), tuple(problems))


def _step(path: Path) -> int:
    name = NAME.fullmatch(path.name)
    return int(name[1]) if name else 0
