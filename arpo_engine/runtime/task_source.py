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
    train = _wanted(config, _named(config, load_split(source, config.tasks.train)))[: config.tasks.limit]
    held_out = _wanted(config, load_split(source, config.tasks.held_out)) if config.tasks.held_out else ()
    if not train:
        left = " but infeasible ones" if config.tasks.infeasible == "leave_out" else ""
        raise TaskError(f"split {config.tasks.train!r} of {source} has no tasks{left}; name another in tasks.train")
    return train, held_out


def _named(config: RunConfig, tasks: Sequence[Task]) -> Sequence[Task]:
    """The tasks that `tasks.only` names, in the split's own order."""
    names = frozenset(config.tasks.only)
    if not names or config.kind != "train":
        return tasks
    strange = sorted(names - {task.id for task in tasks})
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise TaskError(
            f"tasks.only names {strange[0]!r}{more}, which the split {config.tasks.train!r} does not have; only "
            "training tasks can be practised, so take these out or name their split in tasks.train"
        )
    return [task for task in tasks if task.id in names]


def _wanted(config: RunConfig, tasks: Sequence[Task]) -> tuple[Task, ...]:
    keeps = config.tasks.infeasible == "keep"
    return tuple(task for task in tasks if keeps or not task.infeasible)


def find_source(source: str) -> Path:
    """A folder of tasks as it is written, or below the project, so that a run may start anywhere."""
    path = Path(source)
    return path if path.exists() or path.is_absolute() else REPOSITORY / path
