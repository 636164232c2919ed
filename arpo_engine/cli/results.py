"""`python -m arpo_engine results PLACE`: figures of what was measured, whoever measured it. Changes nothing.

A place is a run folder of ours, OSWorld's results folders at any of their levels, or ARPO's `eval_results_at_N.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from arpo_engine.cli.figures_table import figures_table
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.figures import Report
from arpo_engine.contract.tasks import Task
from arpo_engine.evaluation.arpo_results import find_arpo, read_arpo
from arpo_engine.evaluation.compared import Course, first_difference, read_compared
from arpo_engine.evaluation.figures import report
from arpo_engine.evaluation.osworld_reading import read_osworld
from arpo_engine.tasks import load_tasks

EVALUATION = Path("results") / "evaluation.json"
MOST_PROBLEMS = 20
"""Named one by one; the rest is counted."""
TABLE_WIDTH = 140


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The place, and what is known about its tasks."""
    parser.add_argument("place", type=Path, help="a run folder, OSWorld's results, or an eval_results_at_N.json")
    parser.add_argument(
        "--tasks",
        type=Path,
        metavar="FILE",
        help="their task file, such as evaluation_examples/test_all.json: tells infeasible tasks and domains apart",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument(
        "--compare", action="store_true", help="the fixed set of validation episodes of a run, step beside step"
    )


def main(arguments: argparse.Namespace) -> int:
    """Read and show; what is not counted is told on stderr."""
    console = Console(width=None if os.isatty(1) else TABLE_WIDTH)
    if arguments.compare:
        for table in _compared(read_compared(arguments.place)):
            console.print(table)
        return 0
    tasks = {task.id: task for task in load_tasks(arguments.tasks)} if arguments.tasks else {}
    found, problems = read_place(arguments.place, tasks)
    known = bool(tasks) or (arguments.place / EVALUATION).is_file()
    if arguments.json:
        print(json.dumps({name: one.model_dump(mode="json") for name, one in found.items()}))
    else:
        for name, one in found.items():
            console.print(figures_table(name, one, infeasible_known=known))
    if not known:
        print("infeasible tasks are among these: give --tasks with their task file to set them apart", file=sys.stderr)
    for problem in problems[:MOST_PROBLEMS]:
        print(f"not whole: {problem}", file=sys.stderr)
    if len(problems) > MOST_PROBLEMS:
        print(f"not whole: {len(problems) - MOST_PROBLEMS} more of the kind", file=sys.stderr)
    return 0


def read_place(place: Path, tasks: dict[str, Task]) -> tuple[dict[str, Report], list[str]]:
    """Reports by name, and a sentence for everything that is not counted.

    Raises:
        ConfigError: nothing there is a result.
    """
    if (place / EVALUATION).is_file():
        return own_reports(place), []
    if place.is_file() or find_arpo(place):
        validations = {path: read_arpo(path, tasks) for path in find_arpo(place) or [place]}
        reports = {f"step {one.step} ({path.name})": report(one.attempts) for path, one in validations.items()}
        return reports, [problem for one in validations.values() for problem in one.problems]
    models = read_osworld(place, tasks)
    found = {}
    for one in models:
        trials = f", {len(one.trials)} trials" if len(one.trials) > 1 else ""
        found[f"{one.model}{trials}"] = report(one.attempts)
    return found, [problem for one in models for problem in one.problems]


def own_reports(run_dir: Path) -> dict[str, Report]:
    """The reports that a run of kind `evaluate` left in its folder, by split; none before its first split ended.

    Raises:
        ConfigError: the file there cannot be read.
    """
    path = run_dir / EVALUATION
    try:
        splits = json.loads(path.read_text(encoding="utf-8"))["splits"]
        return {name: Report.model_validate(split["figures"]) for name, split in splits.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise ConfigError(
            f"{path} cannot be read as figures ({type(error).__name__}); run the same `evaluate` in that folder again: "
            "what is finished is not tried again, and the file is written anew"
        ) from error


def _compared(courses: list[Course]) -> Iterator[Table]:
    """Tasks down, steps across; where an episode first says something else than the one before."""
    for split in sorted({course.split for course in courses}):
        chosen = [course for course in courses if course.split == split]
        steps = sorted({step for course in chosen for step in course.by_step})
        table = Table(title=f"{split}: the same episodes at each step", title_justify="left", box=None, pad_edge=False)
        table.add_column("task")
        for step in steps:
            table.add_column(f"step {step}")
        for course in chosen:
            table.add_row(course.instruction or course.task_id, *_cells(course, steps))
        yield table


def _cells(course: Course, steps: list[int]) -> Iterator[str]:
    before = None
    for step in steps:
        episode = course.by_step.get(step)
        if episode is None:
            yield "–"
            continue
        turns = episode.get("turns", [])
        said = "solved" if episode.get("solved") else str(episode.get("fault") or episode.get("ended_by") or "?")
        differs = first_difference(before, turns) if before is not None else None
        other = f", other from turn {differs + 1}" if differs is not None else (", as before" if before else "")
        yield f"{said} in {len(turns)}{other}"
        before = turns
