"""Reads task sets from files. Knows OSWorld's JSON form, and nothing of the desktops that the tasks are for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.tasks.osworld.task_files import own_files

EXAMPLES = "examples"
"""The folder of task files beside an index of OSWorld's."""
PLAIN_NAME = re.compile(r"[\w.-]*\w[\w.-]*")
"""A file's own name: an index must not lead out of the folder."""


def load_split(folder: Path | str, split: str) -> list[Task]:
    """The tasks of `<folder>/<split>.json`, in the file's order.

    Raises:
        TaskError: the file is missing, or a task in it cannot be used.
    """
    folder = Path(folder)
    path = folder / f"{split}.json"
    if not path.is_file():
        found = sorted(file.stem for file in folder.glob("*.json")) if folder.is_dir() else []
        cure = f"it has the splits {', '.join(found)}" if found else "give a folder that holds <split>.json files"
        raise TaskError(f"there is no split {split!r} in {folder}; {cure}")
    return load_tasks(path)


def load_tasks(path: Path | str) -> list[Task]:
    """The tasks of a file: a list of tasks, one task, or OSWorld's index `{domain: [id, …]}` of the task files
    `examples/<domain>/<id>.json` beside it.

    Raises:
        TaskError: naming the file, the task and the cure.
    """
    path = Path(path)
    entries = _read(path)
    if _is_index(entries):
        entries = _indexed(entries, path)
    entries = [entries] if isinstance(entries, dict) else entries
    if not isinstance(entries, list) or not entries:
        raise TaskError(
            f"{path} holds no tasks; it needs a JSON list of tasks, each with id, instruction and evaluator"
        )
    tasks = [_task(entry, place, path) for place, entry in enumerate(entries, start=1)]
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise TaskError(f"{path} has the task id {task.id!r} twice; give each task its own id")
        seen.add(task.id)
    return tasks


def task_set_hash(tasks: Iterable[Task]) -> str:
    """Sixteen hex digits over a set of tasks, whatever their order."""
    together = "\n".join(sorted(f"{task.id} {task.content_hash}" for task in tasks))
    return hashlib.sha256(together.encode()).hexdigest()[:16]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TaskError(f"cannot read the tasks {path}: {error.strerror}; give the path of a task file") from error
    except UnicodeDecodeError as error:
        raise TaskError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8") from error
    except json.JSONDecodeError as error:
        raise TaskError(f"{path} is not JSON: {error.msg} at line {error.lineno}; mend that line") from error


def _is_index(entries: Any) -> bool:
    return isinstance(entries, dict) and bool(entries) and all(isinstance(ids, list) for ids in entries.values())


def _indexed(index: dict[str, list[Any]], path: Path) -> list[Any]:
    """The task files that an index of OSWorld's names, each with its domain."""
    found = []
    for domain, ids in index.items():
        for name in ids:
            if not isinstance(name, str) or not PLAIN_NAME.fullmatch(name) or not PLAIN_NAME.fullmatch(domain):
                raise TaskError(
                    f"{path} names {json.dumps(name)[:60]} in {domain[:60]!r}, which is no task id; an index holds "
                    '{"domain": ["task id", …]}'
                )
            file = path.parent / EXAMPLES / domain / f"{name}.json"
            if not file.is_file():
                raise TaskError(f"{path} names the task {domain}/{name}, and there is no {file}; copy the task files")
            entry = _read(file)
            found.append({**entry, "domain": domain} if isinstance(entry, dict) else entry)
    return found


def _task(entry: Any, place: int, path: Path) -> Task:
    if not isinstance(entry, dict):
        raise TaskError(
            f"{path}: entry {place} is {json.dumps(entry)[:60]}, not a task; it needs id, instruction, evaluator"
        )
    try:
        task = Task.model_validate(entry)
        return task.from_folder(path.parent, own_files(task, path.parent))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise TaskError(f"{path}: task {entry.get('id', f'number {place}')!r}: {wrong}; mend these fields") from error
