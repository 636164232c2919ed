"""The plan of a run as the New-run page shows it: a few sentences, the components of its memory, and what would fit.

The page does not know the machine that the run will get: a large model is held against GPUs of 80 GB, as many as learn;
what is really there is preflight's to say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.plan.cures import Way, too_long, ways_to_fit
from arpo_engine.contract.plan.known_models import shape_of
from arpo_engine.contract.plan.memory import by_moment
from arpo_engine.contract.plan.planning import Machine, Plan, plan_of
from arpo_engine.contract.plan.sentences import brief_of, sentences_of
from arpo_engine.contract.plan.work import TaskCounts
from webapp.env import BASE_DIR

TASKS = BASE_DIR / "configs" / "tasks"
NEEDS_A_GPU = 100_000_000
"""Parameters from which a processor is not planned with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPage:
    """What the page shows."""

    brief: tuple[tuple[str, str], ...]
    """(what it is about, a few words)."""
    sentences: tuple[str, ...]
    """The same with what it is made of and what is assumed."""
    rows: tuple[tuple[str, float, str, str, str], ...]
    """(component, GB, where, when, how)."""
    moments: tuple[tuple[str, float], ...]
    """(moment, GB of what lies there at the same time)."""
    too_large: str
    too_long: str
    ways: tuple[Way, ...]


def plan_page(config: RunConfig) -> PlanPage:
    """Plan a run that the form holds."""
    shape, tasks = shape_of(config.model.path), count_tasks(config)
    large = shape is not None and shape.parameters >= NEEDS_A_GPU
    plan = plan_of(config, Machine(gpus=config.learner.ranks if large else 0), shape=shape, tasks=tasks)
    return PlanPage(
        brief=brief_of(plan),
        sentences=sentences_of(plan),
        rows=tuple((row.component, row.gb, _where(plan, row.place), row.phase, row.how) for row in plan.memory),
        moments=tuple(by_moment(plan.memory, "gpu").items()) if plan.memory else (),
        too_large=plan.too_large or "",
        too_long=too_long(config, plan, shape=shape) or "",
        ways=ways_to_fit(config, plan, shape=shape, tasks=tasks),
    )


def count_tasks(config: RunConfig, folder: Path = TASKS) -> TaskCounts | None:
    """Tasks of the sets that ship with the console; no other file is opened for what somebody types into a form."""
    train, held_out = (
        _count(folder, config.tasks.source, split) for split in (config.tasks.train, config.tasks.held_out)
    )
    if train is not None and config.kind == "train" and config.tasks.only:
        train = min(train, len(config.tasks.only))
    return None if train is None else TaskCounts(train=train, held_out=held_out or 0)


def _count(folder: Path, source: str, split: str | None) -> int | None:
    try:
        file = (BASE_DIR / source / f"{split}.json").resolve()
        if not file.is_relative_to(folder):
            return None
        tasks = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no such file, no JSON, or a name that no file can have
        return None
    return len(tasks) if isinstance(tasks, list) else None


def _where(plan: Plan, place: str) -> str:
    return "each GPU" if place == "gpu" and plan.machine.gpus else "computer"
