"""Reads OSWorld's `evaluation_examples`, as it lies in a checkout. Knows files; decides nothing about what can run.

A file that cannot be read is named and left out, so that one bad task does not keep 368 from being used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.osworld import RefusedTask
from arpo_engine.contract.tasks import Task
from arpo_engine.tasks.loading import EXAMPLES
from arpo_engine.tasks.osworld.refusals import unknown_words, unsafe_words
from arpo_engine.tasks.osworld.task_files import own_files

CHECKOUT_EXAMPLES: Final = "evaluation_examples"
CACHES: Final = ("cache", "cache_dirs/*")
"""Where OSWorld's runner keeps files of tasks, and where ARPO's does."""
MACHINES: Final = {"osworld-docker": "docker_vm_data/**/*.qcow2", "vmware": "vmware_vm_data/**/*.vmx"}
LARGEST_TASK: Final = 1_000_000
"""Bytes; OSWorld's largest has some 20 thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """What lies where."""

    root: Path
    """The folder that was named: a checkout of OSWorld, or its `evaluation_examples`."""
    examples: Path
    """The folder that holds `examples/` and the split files."""

    @property
    def caches(self) -> tuple[Path, ...]:
        """Folders of files that earlier runs fetched, each with one folder for a task."""
        return tuple(path for base in self._bases for pattern in CACHES for path in sorted(base.glob(pattern)))

    @property
    def machines(self) -> dict[str, Path]:
        """The first virtual machine of each provider."""
        found = {
            provider: next(iter(sorted(path for base in self._bases for path in base.glob(pattern))), None)
            for provider, pattern in MACHINES.items()
        }
        return {provider: path for provider, path in found.items() if path is not None}

    @property
    def _bases(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((self.examples.parent, self.root)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTask:
    """A task, and the file that it came from."""

    task: Task
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All of a folder."""

    checkout: Checkout
    tasks: tuple[ReadTask, ...]
    refused: tuple[RefusedTask, ...]
    splits: dict[str, dict[str, list[str]]]
    """Split name to `{domain: [id, …]}`, as it is written."""


def find_checkout(path: Path) -> Checkout:
    """The folder of examples in what was named.

    Raises:
        TaskError: there is none.
    """
    for examples in (path, path / CHECKOUT_EXAMPLES):
        if (examples / EXAMPLES).is_dir():
            return Checkout(root=path, examples=examples)
    raise TaskError(
        f"{path} holds neither {EXAMPLES}/ nor {CHECKOUT_EXAMPLES}/{EXAMPLES}/; name a checkout of OSWorld, or its "
        f"folder {CHECKOUT_EXAMPLES}"
    )


def read_checkout(path: Path) -> Reading:
    """Every task file `examples/<domain>/<id>.json`, and every split file beside `examples/`.

    Raises:
        TaskError: the folder has no examples, or not one that can be used.
    """
    checkout = find_checkout(path)
    tasks: list[ReadTask] = []
    refused: list[RefusedTask] = []
    for file in sorted((checkout.examples / EXAMPLES).glob("*/*.json")):
        try:
            tasks.append(ReadTask(task=_read_task(file, checkout.examples), file=file))
        except TaskError as error:
            refused.append(RefusedTask(file=str(file.relative_to(checkout.examples)), why=str(error)))
    if not tasks:
        why = f"; the first: {refused[0].why}" if refused else ""
        raise TaskError(f"{checkout.examples / EXAMPLES} has no task that can be used{why}")
    return Reading(
        checkout=checkout, tasks=tuple(tasks), refused=tuple(refused), splits=dict(_splits(checkout.examples))
    )


def _read_task(file: Path, root: Path) -> Task:
    if not file.resolve().is_relative_to(root.resolve()):
        raise TaskError("the file is a link that leads out of the folder")
    if file.stat().st_size > LARGEST_TASK:
        raise TaskError(f"the file has {file.stat().st_size} bytes, and a task has at most {LARGEST_TASK}")
    entry = _json(file)
    if not isinstance(entry, dict):
        raise TaskError("the file holds no task: a JSON object with id, instruction and evaluator")
    try:
        task = Task.model_validate({**entry, "domain": file.parent.name})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise TaskError(wrong) from error
    reasons = [*unknown_words(task), *unsafe_words(task)]
    if task.id != file.stem:
        reasons.append(f"its id is {task.id[:60]!r}, and the file is named {file.stem!r}")
    if reasons:
        raise TaskError("; ".join(reasons))
    return task.from_folder(root, own_files(task, root))


def _splits(examples: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    for file in sorted(examples.glob("*.json")):
        try:
            index = _json(file)
        except TaskError:
            continue
        if isinstance(index, dict) and index and all(_is_ids(ids) for ids in index.values()):
            yield file.stem, index


def _is_ids(ids: Any) -> bool:
    return isinstance(ids, list) and all(isinstance(name, str) for name in ids)


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise TaskError(f"the file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TaskError(f"the file is no UTF-8 text: {error.reason} at byte {error.start}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise TaskError(f"the file is no JSON: {error}") from error
