"""What can be chosen for a try-out: the team's checkpoints with what was measured of them, and sets of tasks.

Of tasks only those below the console's own `configs/tasks` are read from files; a set of another place is known by the
tasks that the team's runs have tried. Knows no form and no HTML.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from arpo_engine.contract.outcomes import Split
from webapp.accounts.models import Team
from webapp.accounts.permissions import Person
from webapp.episodes.models import Episode, Validation
from webapp.runs.access import runs_of_team_visible_to
from webapp.runs.models import Checkpoint
from webapp.runs.rates import Rate

MOST_CHECKPOINTS: Final = 60
MOST_SETS: Final = 20
MOST_TASKS: Final = 1000
RUNS_LOOKED_AT: Final = 200
MOST_BYTES: Final = 20_000_000
"""A larger file of tasks is not read for a list."""
SHIPPED: Final = "configs/tasks"
POCKET: Final = "pocket"
"""Snapshot of tasks that only pocket desktops can begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A checkpoint with exported weights."""

    checkpoint: Checkpoint
    rate: Rate | None
    """What was measured at its step, held-out tasks before others; None: nothing was."""
    measured: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTask:
    """A task as the list shows it."""

    id: str
    instruction: str
    group: str
    """Its split or domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSet:
    """A set of tasks that a try-out can begin in."""

    source: str
    settings: dict[str, Any]
    """`tasks` of a config."""
    pocket: bool
    """For pocket desktops, and no others."""
    shipped: bool

    @property
    def title(self) -> str:
        """The last part of its path, which is what people call it."""
        return self.source.rstrip("/").rpartition("/")[2] or self.source


def weights_visible_to(person: Person, team: Team, wanted: str = "") -> list[Weights]:
    """The team's newest checkpoints that a try-out can begin with; the one of the id `wanted` also if it is older."""
    rows = Checkpoint.objects.filter(run__in=runs_of_team_visible_to(person, team), run__is_example=False)
    usable = rows.exclude(export_path="").select_related("run").order_by("-saved_at")
    newest = list(usable[:MOST_CHECKPOINTS])
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 19 and all(str(row.pk) != wanted for row in newest):
        newest += list(usable.filter(pk=int(wanted)))
    measured = _measured({row.run_id for row in newest})
    return [_weights(row, measured) for row in newest]


def task_sets_visible_to(person: Person, team: Team) -> list[TaskSet]:
    """The shipped sets, then those that the team's runs used, the latest first."""
    sets = {one.source: one for one in shipped_sets()}
    runs = runs_of_team_visible_to(person, team).filter(is_example=False).order_by("-created_at")
    for tasks in runs.values_list("config__tasks", flat=True)[:RUNS_LOOKED_AT]:
        source = str((tasks or {}).get("source", ""))
        if source and source not in sets and len(sets) < MOST_SETS:
            kept = {name: tasks[name] for name in ("source", "train", "held_out") if name in tasks}
            sets[source] = TaskSet(source=source, settings=kept, pocket=False, shipped=False)
    return list(sets.values())


def tasks_visible_to(person: Person, team: Team, wanted: TaskSet) -> list[KnownTask]:
    """The tasks of a set, as far as the console knows them."""
    if wanted.shipped:
        return list(_tasks_in(wanted.source))
    runs = runs_of_team_visible_to(person, team).filter(is_example=False, config__tasks__source=wanted.source)
    rows = Episode.objects.filter(run__in=runs).exclude(split=Split.TRYOUT.value)
    seen = rows.order_by("task_id", "-id").distinct("task_id").values_list("task_id", "instruction", "split")
    return [KnownTask(id=task, instruction=words, group=split) for task, words, split in seen[:MOST_TASKS]]


def shipped_sets() -> list[TaskSet]:
    """The sets below `configs/tasks`, the pocket's first."""
    root = Path(settings.BASE_DIR) / SHIPPED
    found = [one for path in sorted(root.iterdir()) if path.is_dir() and (one := _shipped(path)) is not None]
    return sorted(found, key=lambda one: (not one.pocket, one.source))


def _shipped(folder: Path) -> TaskSet | None:
    splits = {path.stem for path in folder.glob("*.json")}
    train = next((name for name in ("train", "all", *sorted(splits)) if name in splits), None)
    if train is None:
        return None
    source = f"{SHIPPED}/{folder.name}"
    chosen = {"source": source, "train": train, "held_out": "held_out" if "held_out" in splits else None}
    return TaskSet(source=source, settings=chosen, pocket=_is_pocket(source), shipped=True)


@lru_cache(maxsize=16)
def _tasks_in(source: str) -> tuple[KnownTask, ...]:
    folder = Path(settings.BASE_DIR) / source
    found = _shipped(folder)
    splits = [name for name in (found.settings["train"], found.settings["held_out"]) if name] if found else []
    tasks: dict[str, KnownTask] = {}
    for split in splits:
        for entry, domain in _entries(folder, split):
            words, name = str(entry.get("instruction", "")), str(entry.get("id", ""))
            group = domain or split.replace("_", " ")
            tasks.setdefault(name, KnownTask(id=name, instruction=words, group=group))
    return tuple(tasks.values())[:MOST_TASKS]


@lru_cache(maxsize=16)
def _is_pocket(source: str) -> bool:
    folder = Path(settings.BASE_DIR) / source
    entries = (entry for path in sorted(folder.glob("*.json")) for entry, _ in _entries(folder, path.stem))
    first = next(entries, None)
    return first is not None and first.get("snapshot") == POCKET


def _entries(folder: Path, split: str) -> Iterable[tuple[dict[str, Any], str]]:
    """Tasks of a split as they stand in its files, with their domain where an index names them by it."""
    tree = _read(folder / f"{split}.json")
    if isinstance(tree, list):
        yield from ((entry, "") for entry in tree if isinstance(entry, dict))
    elif isinstance(tree, dict):
        for domain, names in tree.items():
            for name in names if isinstance(names, list) else ():
                entry = _read(folder / "examples" / domain / f"{name}.json")
                if isinstance(entry, dict):
                    yield entry, domain


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8")) if path.stat().st_size <= MOST_BYTES else None
    except (OSError, ValueError):
        return None


def _weights(row: Checkpoint, measured: dict[tuple[str, int, int], Validation]) -> Weights:
    found = measured.get((row.run_id, row.attempt, row.step))
    if found is None:
        return Weights(checkpoint=row, rate=None)
    rate = Rate(successes=found.successes, attempts=found.attempts_count, faults=found.faults)
    return Weights(checkpoint=row, rate=rate, measured=found.split.replace("_", " "))


def _measured(runs: set[str]) -> dict[tuple[str, int, int], Validation]:
    rows = Validation.objects.filter(run__in=runs, attempts_count__gt=0).order_by("id")
    held_out_last = sorted(rows, key=lambda row: row.split == Split.HELD_OUT.value)
    return {(row.run_id, row.attempt, row.step): row for row in held_out_last}
