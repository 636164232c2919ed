"""What a run left behind, for people who may see it: checkpoints with what was measured at them, and its files.

Knows rows and the names in a run folder; opens no file and knows no request.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webapp.accounts.permissions import Person
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Checkpoint, Run, RunAttempt, RunEvent
from webapp.runs.rates import Faults, Rate
from webapp.runs.runfolder import run_dir
from webapp.runs.timeline import SETS

MOST_FILES: Final = 200
OF_A_RUN: Final = ("config.json", "events.jsonl")
RESULTS: Final = "results"
STORIES: Final = {
    "config.json": "The whole configuration that the engine read.",
    "events.jsonl": "Every event of every attempt, one a line: the truth of the run.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Success(Rate):
    """What was measured at a checkpoint's step on one set of tasks."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A checkpoint as its line of the page."""

    checkpoint: Checkpoint
    measured: tuple[Success, ...]
    host: str
    """The machine on which its attempt ran."""
    here: bool
    """Its folder is on this machine, so that it can be downloaded."""
    export_here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """A file of the run folder that is on this machine."""

    name: str
    """Relative to the run folder."""
    size: int
    story: str


def artifacts_visible_to(person: Person, run: Run, counting: Faults = Faults.LEFT_OUT) -> list[Artifact]:
    """The run's checkpoints, latest first, each with what was measured at its step in its attempt."""
    rows = Checkpoint.objects.filter(run__in=runs_visible_to(person), run=run).order_by("-step", "-attempt")
    measured = _measured(person, run, counting)
    attempts = RunAttempt.objects.filter(run__in=runs_visible_to(person), run=run)
    hosts = dict(attempts.values_list("number", "host"))
    folder = run_dir(run.pk)
    return [
        Artifact(
            checkpoint=row,
            measured=tuple(measured.get((row.attempt, row.step), {}).values()),
            host=hosts.get(row.attempt, ""),
            here=inside(folder, row.path) is not None,
            export_here=bool(row.export_path) and inside(folder, row.export_path) is not None,
        )
        for row in rows
    ]


def files_visible_to(person: Person, run: Run) -> list[RunFile]:
    """The files of the run folder that a person may take, as far as it is on this machine."""
    if not runs_visible_to(person).filter(pk=run.pk).exists():
        return []
    folder = run_dir(run.pk)
    names = [*OF_A_RUN, *_names_below(folder / RESULTS, folder)]
    found = [(name, inside(folder, name)) for name in names[:MOST_FILES]]
    return [
        RunFile(name=name, size=path.stat().st_size, story=STORIES.get(name, "What an evaluation found."))
        for name, path in found
        if path is not None and path.is_file()
    ]


def inside(folder: Path, name: str) -> Path | None:
    """The path of what lies below the folder under this name; None for what is not there, or leads out of it.

    Names come from an engine's events and from addresses; links are followed only as far as they stay inside.
    """
    if not name or "\x00" in name or len(name) > 400:
        return None
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    return path if path != root and path.is_relative_to(root) else None


def _names_below(folder: Path, root: Path) -> list[str]:
    if not folder.is_dir() or folder.is_symlink():
        return []
    return sorted(str(path.relative_to(root)) for path in folder.rglob("*") if path.is_file())


def _measured(person: Person, run: Run, counting: Faults) -> dict[tuple[int, int], dict[str, Success]]:
    """By attempt and step, by the set of tasks; a set that was measured twice at a step counts with its last one."""
    events = RunEvent.objects.filter(run__in=runs_visible_to(person), run=run, kind="ValidationFinished")
    found: dict[tuple[int, int], dict[str, Success]] = defaultdict(dict)
    for attempt, data in events.order_by("cursor").values_list("attempt", "data"):
        told = str(data.get("tasks") or data.get("split", ""))
        name = SETS.get(told, told)
        successes, attempts = int(data.get("successes") or 0), int(data.get("attempts") or 0)
        faults = int(data.get("faults") or 0)
        if attempts or faults:
            found[attempt, int(data.get("step") or 0)][name] = Success(
                name=name, successes=min(successes, attempts), attempts=attempts, faults=faults, counting=counting
            )
    return found
