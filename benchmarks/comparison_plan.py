"""What a comparison was fixed to be before its first run: `compare.yaml`, read and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from arpo_engine.contract.tasks import Task
from arpo_engine.tasks import load_split

FILE = Path(__file__).with_name("compare.yaml")
SPLITS = ("train", "held_out")


class Fixed(BaseModel):
    """No key that nobody reads, and nothing that changes on the way."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Comparison(Fixed):
    """Two arms under one setting."""

    title: str
    practise: Literal["all", "never_solved"]
    """Training tasks: all of the preset's, or those that the start policy never solved."""
    settings: tuple[str, ...] = ()
    """Given to both arms, besides the file's own."""
    seeds: tuple[int, ...] = Field(min_length=2)
    env_steps: int = Field(gt=0)
    """Environment steps of practice at which the arms are compared."""
    attempts: int = Field(gt=0)
    """Tries of each task when a policy is measured."""


class CompareFile(Fixed):
    """The whole file."""

    preset: Path
    arms: dict[Literal["arpo", "grpo"], tuple[str, ...]]
    settings: tuple[str, ...] = ()
    """Given to every run: what costs time and is measured elsewhere is switched off."""
    never_solved: tuple[str, ...]
    """Feasible training tasks that the start policy solved in none of 16 tries."""
    comparisons: dict[str, Comparison]


def read_plan(path: Path = FILE) -> CompareFile:
    """The file as it lies there."""
    return CompareFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def write_tasks(plan: CompareFile, comparison: Comparison, source: Path, folder: Path) -> None:
    """The task files of a comparison: its training tasks, and every held-out one.

    Raises:
        SystemExit: the file names a task that the preset's split does not hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        tasks = load_split(source, split)
        if split == "train" and comparison.practise == "never_solved":
            tasks = _chosen(tasks, plan.never_solved)
        entries = [task.model_dump(mode="json") for task in tasks]
        (folder / f"{split}.json").write_text(json.dumps(entries), encoding="utf-8")


def _chosen(tasks: list[Task], wanted: tuple[str, ...]) -> list[Task]:
    known = {task.id: task for task in tasks}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"the preset has no training task {unknown[0]!r}; the tasks have changed, choose them anew")
    return [known[name] for name in wanted]
