"""Which files a task fetches from elsewhere, and the names under which OSWorld's code looks for them before it does.

Knows the task's JSON and the naming of OSWorld's task folder (`cache/<task id>/`); fetches nothing.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from arpo_engine.contract.tasks import Task

EMPTY_HISTORY = (
    "https://huggingface.co/datasets/xlangai/ubuntu_osworld_file_cache/resolve/main/chrome/"
    "44ee5668-ecd5-4366-a6ce-c1c9b8d4e938/history_empty.sqlite?download=true"
)
"""What the setup step `update_browse_history` fetches; its address is in OSWorld's code, not in the task."""
HISTORY_NAME = "history_new.sqlite"


@dataclass(frozen=True, slots=True)
class TaskFile:
    """One file that comes from an address."""

    url: str
    name: str
    """Where it lies in the task's folder."""


def files_of(task: Task) -> tuple[TaskFile, ...]:
    """The files of a task's setup, of its last steps before scoring and of its scoring, each once.

    Source: `SetupController._download_setup`, `get_cloud_file` of desktop-env 1.0.2.
    """
    found = [*_of_steps(steps_of(task)), *_of_getters(getters_of(task))]
    return tuple(dict.fromkeys(found))


def is_local(url: str) -> bool:
    """Whether an address names a file of the task set itself: a path, where others have `https://`."""
    return "://" not in url


def own_file(folder: Path | None, path: str) -> Path | None:
    """A file of the task set itself, below its folder and nowhere else; none where it is not there."""
    if folder is None or "\0" in path:
        return None
    root = folder.resolve()
    file = (root / path).resolve()
    return file if file.is_relative_to(root) and file.is_file() else None


def own_files(task: Task, folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that a task brings along, by the path that it names; empty where it is not there."""
    paths = {file.url for file in files_of(task) if is_local(file.url)}
    found = {path: own_file(folder, path) for path in sorted(paths)}
    return {path: "" if file is None else _sha256(file) for path, file in found.items()}


def steps_of(task: Task) -> Iterator[Mapping[str, Any]]:
    """All setup steps: those before the episode, then those before its scoring."""
    for step in task.config:
        yield {"type": step.type, "parameters": step.parameters}
    for step in postconfig_of(task):
        yield step if isinstance(step, Mapping) else {"type": repr(step), "parameters": {}}


def postconfig_of(task: Task) -> list[Any]:
    """The steps before the scoring, as they are written."""
    found = (task.evaluator.model_extra or {}).get("postconfig")
    return found if isinstance(found, list) else []


def getters_of(task: Task) -> Iterator[Mapping[str, Any]]:
    """What is read from the desktop and what it is compared with; empty ones are left out."""
    for part in (task.evaluator.result, task.evaluator.expected):
        yield from (getter for getter in (part if isinstance(part, list) else [part]) if getter)


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _of_steps(steps: Iterator[Mapping[str, Any]]) -> Iterator[TaskFile]:
    for step in steps:
        parameters = step.get("parameters")
        if step.get("type") == "update_browse_history":
            yield TaskFile(EMPTY_HISTORY, HISTORY_NAME)
        files = parameters.get("files") if isinstance(parameters, Mapping) else None
        if step.get("type") != "download" or not isinstance(files, list):
            continue
        for file in (file for file in files if isinstance(file, Mapping)):
            url, path = str(file.get("url", "")), str(file.get("path", ""))
            yield TaskFile(url, f"{uuid.uuid5(uuid.NAMESPACE_URL, url)}_{PurePosixPath(path).name}")


def _of_getters(getters: Iterator[Mapping[str, Any]]) -> Iterator[TaskFile]:
    for getter in getters:
        if getter.get("type") != "cloud_file":
            continue
        urls, names = getter.get("path", ""), getter.get("dest", "")
        both = isinstance(urls, list) and isinstance(names, list)
        pairs = zip(urls, names, strict=False) if both else [(urls, names)]
        yield from (TaskFile(str(url), str(name)) for url, name in pairs)
