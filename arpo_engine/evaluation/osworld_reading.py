"""Results folders that OSWorld's runners wrote, as attempts: `…/<model>/[<trial>/]<domain>/<task>/result.txt`.

Reads any of these levels, ARPO's `trial-id` among them. A folder that is half written is named and counted nowhere, and
nothing is ever changed or deleted. Knows files; knows no statistics.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.tasks import Task
from arpo_engine.evaluation.attempts import Attempt

RESULT, TRAJECTORY = "result.txt", "traj.jsonl"
OBSERVATION_TYPES = ("screenshot", "a11y_tree", "screenshot_a11y_tree", "som")
SKIPPED = ("onboard",)
"""Folders that OSWorld's own runners pass over."""
_MOST_CHARACTERS = 64
"""Of a result that can be a number."""


@dataclass(slots=True)
class Imported:
    """What was found for one model."""

    model: str
    attempts: list[Attempt] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """One sentence for each task folder that is not counted."""
    trials: list[str] = field(default_factory=list)
    """Names of the trials, in the order of the attempts' slots."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a task folder stands."""

    model: str
    trial: str
    domain: str
    folder: Path


def read_osworld(root: Path, tasks: Mapping[str, Task] | None = None) -> list[Imported]:
    """Everything below a folder, by model. `tasks` (id to task) tell which are infeasible; without them nobody knows.

    Raises:
        ConfigError: there is no such folder, or no task folder in it.
    """
    if not root.is_dir():
        raise ConfigError(f"there is no folder {root}; give OSWorld's result_dir, or a model's folder in it")
    places = sorted(_places(root), key=lambda place: (place.model, place.trial, place.domain, place.folder.name))
    if not places:
        raise ConfigError(
            f"{root} holds no task folder with a {RESULT} or {TRAJECTORY}; give OSWorld's result_dir "
            "(<result_dir>/<action space>/<observation type>/<model>/<domain>/<task id>/), or a model's folder in it"
        )
    models: dict[str, Imported] = {}
    for place in places:
        found = models.setdefault(place.model, Imported(place.model))
        if place.trial not in found.trials:
            found.trials.append(place.trial)
        attempt, problem = _read(place, len(found.trials) - 1)
        if problem:
            found.problems.append(problem)
        if attempt is not None:
            found.attempts.append(known_as(attempt, tasks or {}))
    return list(models.values())


def known_as(attempt: Attempt, tasks: Mapping[str, Task]) -> Attempt:
    """The attempt with what its task says, where the task is known."""
    task = tasks.get(attempt.task_id)
    if task is None:
        return attempt
    return replace(attempt, domain=task.domain or attempt.domain, infeasible=task.infeasible)


def _places(root: Path) -> Iterator[_Place]:
    """Every task folder, and what the levels above it are."""
    seen: set[Path] = set()
    for name in (RESULT, TRAJECTORY):
        for path in root.rglob(name):
            folder = path.parent
            if (
                folder in seen
                or SKIPPED[0] in _below(folder, root)
                or any(part.startswith(".") for part in _below(folder, root))
            ):
                continue
            seen.add(folder)
            yield _place(folder, root)


def _place(folder: Path, root: Path) -> _Place:
    """The levels are counted from the observation type where the path has one, else from the folder that was given."""
    levels = folder.resolve().parts
    at = max((place for place, part in enumerate(levels[:-2]) if part in OBSERVATION_TYPES), default=None)
    if at is not None and at + 2 < len(levels) - 1:
        model, *trial = levels[at + 1 : -2]
        return _Place(model, "/".join(trial), levels[-2], folder)
    below = _below(folder, root)
    domain = below[-2] if len(below) > 1 else folder.resolve().parent.name
    return _Place(root.resolve().name, "/".join(below[:-2]), domain, folder)


def _below(folder: Path, root: Path) -> tuple[str, ...]:
    return folder.relative_to(root).parts


def _read(place: _Place, slot: int) -> tuple[Attempt | None, str]:
    """The attempt of a task folder, and what is wrong with the folder; one that is still running is no attempt."""
    folder = place.folder
    steps, error, problem = _trajectory(folder / TRAJECTORY)
    attempt = Attempt(
        task_id=folder.name, slot=slot, score=None, domain=place.domain, steps=steps, episode_id=str(folder)
    )
    try:
        text = (folder / RESULT).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        if error:
            return replace(attempt, fault=error), ""
        return (
            None,
            f"{folder} has no {RESULT}, so that task is not finished; run it again, its files are left as they are",
        )
    except OSError as failed:
        return None, f"{folder / RESULT} cannot be read ({failed.strerror}); it is not counted"
    score = _score(text)
    if score is None:
        return (
            None,
            f"{folder / RESULT} holds {text[:_MOST_CHARACTERS]!r}, which is no score from 0 to 1; it is not counted",
        )
    return replace(attempt, score=score), problem


def _score(text: str) -> float | None:
    """OSWorld writes numbers and, from some evaluators, True or False."""
    words = {"True": 1.0, "False": 0.0}
    if text in words:
        return words[text]
    try:
        number = float(text[:_MOST_CHARACTERS])
    except ValueError:
        return None
    return number if math.isfinite(number) and 0.0 <= number <= 1.0 else None


def _trajectory(path: Path) -> tuple[int, str, str]:
    """Model calls in a trajectory file, the error that ended it (if any), and what is wrong with the file."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0, "", ""
    steps, error = 0, ""
    for number, line in enumerate(lines, start=1):
        try:
            tree = json.loads(line)
        except ValueError:
            return steps, error, f"line {number} of {path} is not whole; the steps before it and the score are counted"
        if isinstance(tree, dict):
            counted = tree.get("step_num")
            steps = max(steps, counted) if isinstance(counted, int) else steps
            error = str(tree["Error"]) if "Error" in tree else error
    return steps, error, ""
