"""What a task file may not ask for: words that OSWorld does not know, and anything that touches the engine's machine.

Setup commands are carried out in the desktop; the engine's machine only fetches files, keeps them in the task's folder
and compares. Whatever would lead out of that folder is refused by name, before anything of the task is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.tasks.osworld.task_files import files_of, getters_of, is_local, steps_of
from arpo_engine.tasks.osworld.vocabulary import FUNCTIONS, GETTERS, HOST_STEPS, STEPS, functions_of

PLAIN_ID: Final = re.compile(r"[\w-][\w.-]{0,99}")
FOLDER_WORDS: Final = ("dest", "file_name")
"""What a getter writes below the task's folder."""
FILES_OF_STEPS: Final = ("stdout", "stderr", "settings_file")
"""What a step writes below the task's folder, or reads below OSWorld's own."""
SHOWN: Final = 80


def refuse_unsafe(task: Task) -> None:
    """Say no to a task that names what is unknown, or that reaches for the engine's machine.

    Raises:
        TaskError: with every reason.
    """
    reasons = [*unknown_words(task), *unsafe_words(task)]
    if reasons:
        raise TaskError("; ".join(reasons))


def unknown_words(task: Task) -> list[str]:
    """Step types, parameters, functions and getters that OSWorld (desktop-env 1.0.2) does not know, by name."""
    return list(dict.fromkeys([*_unknown_steps(task), *_unknown_scoring(task)]))


def unsafe_words(task: Task) -> list[str]:
    """What leads out of the task's folder, or reads files of the engine's machine."""
    found = [] if PLAIN_ID.fullmatch(task.id) else [f"its id {task.id[:SHOWN]!r} is no plain name, and names a folder"]
    return list(dict.fromkeys([*found, *_unsafe_steps(task), *_unsafe_files(task), *_unsafe_getters(task)]))


def _unknown_steps(task: Task) -> Iterator[str]:
    for step in steps_of(task):
        kind, parameters = str(step.get("type")), step.get("parameters")
        if kind not in STEPS:
            if kind not in HOST_STEPS:
                yield f"unknown step type {kind[:SHOWN]!r}"
            continue
        names = set(parameters) if isinstance(parameters, Mapping) else {repr(parameters)}
        yield from (f"unknown parameter {name[:SHOWN]!r} of step {kind}" for name in sorted(names - STEPS[kind]))


def _unknown_scoring(task: Task) -> Iterator[str]:
    yield from (f"unknown function {name[:SHOWN]!r}" for name in functions_of(task) if name not in FUNCTIONS)
    for getter in getters_of(task):
        kind = str(getter.get("type"))
        if kind not in GETTERS:
            yield f"unknown getter {kind[:SHOWN]!r}"


def _unsafe_steps(task: Task) -> Iterator[str]:
    for step in steps_of(task):
        kind, parameters = str(step.get("type")), step.get("parameters") or {}
        if kind in HOST_STEPS:
            yield f"step {kind} {HOST_STEPS[kind]}"
        elif isinstance(parameters, Mapping):
            yield from _leading_out(parameters, FILES_OF_STEPS, f"{kind} step")


def _unsafe_files(task: Task) -> Iterator[str]:
    for file in files_of(task):
        if is_local(file.url) and _leads_out(file.url):
            yield f"the file {file.url[:SHOWN]!r} leads out of the task set's folder"
        elif not is_local(file.url) and not file.url.startswith(("http://", "https://")):
            yield f"the file {file.url[:SHOWN]!r} is no http address"


def _unsafe_getters(task: Task) -> Iterator[str]:
    for getter in getters_of(task):
        kind = str(getter.get("type"))
        words = (*FOLDER_WORDS, *FILES_OF_STEPS, *(["path"] if kind == "cache_file" else []))
        yield from _leading_out(getter, words, f"{kind} getter")
    options = (task.evaluator.model_extra or {}).get("options")
    for option in options if isinstance(options, list) else [options]:
        if isinstance(option, Mapping):
            yield from _leading_out(option, ("file_path",), "option")


def _leading_out(values: Mapping[str, Any], words: tuple[str, ...], where: str) -> Iterator[str]:
    for word in words:
        value = values.get(word)
        for path in value if isinstance(value, list) else [value]:
            if path is not None and _leads_out(str(path)):
                yield f"{word} {str(path)[:SHOWN]!r} of a {where} leads out of the task's folder"


def _leads_out(path: str) -> bool:
    parts = PurePosixPath(path)
    return parts.is_absolute() or ".." in parts.parts or "\\" in path or "\0" in path
