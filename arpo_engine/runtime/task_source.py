"""The tasks that a run names: its two splits, wherever the run was started."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.runtime.provenance import REPOSITORY
from arpo_engine.tasks import load_split


def load_tasks(config: RunConfig) -> tuple[tuple[Task, ...], tuple[Task, ...]]:
    """The (training, held-out) tasks of a run.

    Raises:
        TaskError: a split is missing, unreadable or empty.
    """
    source = find_source(config.tasks.source)
    train = _wanted(config, load_split(source, config.tasks.train))[: config.tasks.limit]
    held_out = _wanted(config, load_split(source, config.tasks.held_out)) if config.tasks.held_out else ()
    if not train:
        left = " but infeasible ones" if config.tasks.infeasible == "leave_out" else ""
        raise TaskError(f"split {config.tasks.train!r} of {source} has no tasks{left}; name another in tasks.train")
    return train, held_out


def _wanted(config: RunConfig, tasks: Sequence[Task]) -> tuple[Task, ...]:
    keeps = config.tasks.infeasible == "keep"
    return tuple(task for task in tasks if keeps or not task.infeasible)


def find_source(source: str) -> Path:
    """A folder of tasks as it is written, or below the project, so that a run may start anywhere."""
    path = Path(source)
    return path if path.exists() or path.is_absolute() else REPOSITORY / path
