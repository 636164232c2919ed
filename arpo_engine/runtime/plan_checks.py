"""Preflight's checks that come from the plan: room for the model, room for what is written, and how much work it is.

Knows this machine by `hardware.py`; loads nothing.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.plan.cures import too_long, ways_to_fit
from arpo_engine.contract.plan.planning import Machine, Plan, plan_of
from arpo_engine.contract.plan.sentences import desktops_of, memory_of, time_of, work_of
from arpo_engine.contract.plan.shapes import ModelShape
from arpo_engine.contract.plan.work import TaskCounts
from arpo_engine.models.shape import shape_at
from arpo_engine.runtime.hardware import this_machine
from arpo_engine.runtime.task_source import load_tasks

GB = 1e9
LEAST_DISK_GB = 0.3
OTHERWISE = "close other programs, use a smaller model or fewer desktops"
Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One fact of the plan, its weight and the cure."""

    name: str
    status: Status
    message: str
    cure: str = ""


def count_tasks(config: RunConfig) -> TaskCounts | None:
    """Tasks of both splits; None where they cannot be read here."""
    try:
        train, held_out = load_tasks(config)
    except TaskError:
        return None
    return TaskCounts(train=len(train), held_out=len(held_out))


def judge_plan(config: RunConfig, *, run_dir: Path, machine: Machine | None = None) -> list[Judged]:
    """Disk, memory and work of a run on this machine (or on the one that is given)."""
    shape, tasks = shape_at(config.model.path), count_tasks(config)
    plan = plan_of(config, machine or this_machine(), shape=shape, tasks=tasks)
    told = f"{work_of(plan)}. {time_of(plan)}. {desktops_of(plan)}"
    return [_disk(plan, run_dir), _memory(config, plan, shape, tasks), Judged("plan", "ok", told)]


def _disk(plan: Plan, run_dir: Path) -> Judged:
    folder = next(path for path in [run_dir, *run_dir.absolute().parents] if path.exists())
    free = shutil.disk_usage(folder).free / GB
    wanted = plan.disk.total_gb + LEAST_DISK_GB
    message = f"{free:,.1f} GB free for {run_dir}; this run may write {wanted:,.1f} GB"
    if free < LEAST_DISK_GB + plan.disk.models_gb:
        return Judged("disk", "fail", message, "make room, or give another folder with --run-dir")
    if free < wanted:
        return Judged("disk", "warn", message, "lower frames.max_mb or checkpoint.keep, or make room")
    return Judged("disk", "ok", message)


def _memory(config: RunConfig, plan: Plan, shape: ModelShape | None, tasks: TaskCounts | None) -> Judged:
    if plan.parameters is None:
        cure = "look at ./arpo plan of a model that is like it, and at the memory that is used once it runs"
        return Judged("memory", "warn", f"{memory_of(plan)}, so nobody knows whether there is room", cure)
    too_large = plan.too_large
    if too_large is None:
        room = f"{plan.machine.memory_gb or 0:,.1f} GB are free"
        on_gpu = f", {plan.machine.gpu_gb:,.0f} GB on each of {plan.machine.gpus} GPUs" if plan.machine.gpus else ""
        return Judged("memory", "ok", f"{memory_of(plan)}; {room}{on_gpu}")
    ways = ways_to_fit(config, plan, shape=shape, tasks=tasks)
    cures = [f"{way.title}: {' '.join(way.settings)}" for way in ways] or [OTHERWISE]
    long = too_long(config, plan, shape=shape)
    return Judged("memory", "fail", too_large, "; or, ".join([*cures, *([long] if long else [])]))
