"""Makes a task set of ours from a checkout of OSWorld: counted, judged, written with its splits, and its files adopted.

Knows the report (`contract.osworld`) and the form in which task sets lie; the checkout itself is only read.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.osworld import (
    AssetCount,
    DomainCount,
    ImportedTask,
    OsworldReport,
    ProviderCount,
    Reason,
    SplitCount,
)
from arpo_engine.contract.tasks import Task
from arpo_engine.tasks.loading import EXAMPLES, task_set_hash
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.needs import PROVIDERS, Network, network_of, obstacles
from arpo_engine.tasks.osworld.reading import Checkout, Reading, ReadTask
from arpo_engine.tasks.osworld.task_files import files_of, is_local, own_file

NAMES: Final = {"today": "osworld", "arpo": "osworld-arpo"}
"""The folder of a task set by the wording of its tasks."""
REPORT: Final = Path("about") / "report.json"
RUNNABLE: Final = "runnable_{provider}"
"""Splits of what can be done and runs on a provider."""
ORACLES: Final = Path(__file__).resolve().parents[3] / "configs" / "oracles" / "osworld.json"
"""Lists of actions by task id that solve tasks of OSWorld's which need no file."""
WITH_ORACLE: Final = "with_oracle"
"""The split of these."""
ADOPTED: Final = "osworld cache"


def report_on(reading: Reading, cache: AssetCache) -> OsworldReport:
    """Count and judge; writes nothing and fetches nothing."""
    tasks = [read.task for read in reading.tasks]
    told = tuple(_told(task) for task in tasks)
    urls = {file.url for task in tasks for file in files_of(task) if not is_local(file.url)}
    return OsworldReport(
        source=str(reading.checkout.examples),
        edition=edition_of(tasks),
        task_set_hash=task_set_hash(tasks),
        tasks=told,
        refused=reading.refused,
        domains=_domains(told),
        providers=tuple(_provider(name, told) for name in PROVIDERS),
        splits=tuple(_split(name, index, {task.id for task in tasks}) for name, index in reading.splits.items()),
        assets=AssetCount(addresses=len(urls), here=sum(cache.find(url) is not None for url in urls)),
        machines={provider: str(path) for provider, path in reading.checkout.machines.items()},
    )


def write_task_set(reading: Reading, report: OsworldReport, folder: Path) -> None:
    """Write `folder` anew: task files byte for byte, the splits without what is refused, the report; all or nothing.

    Raises:
        TaskError: the folder is something else, or cannot be written.
    """
    if folder.exists() and not (folder / REPORT).is_file():
        raise TaskError(f"{folder} exists and was not written by import-osworld; give another --name")
    side = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        _write(reading, report, side)
        if folder.exists():
            shutil.rmtree(folder)
        side.rename(folder)
    except OSError as error:
        raise TaskError(f"the task set cannot be written to {folder}: {error.strerror}; make room there") from error
    finally:
        shutil.rmtree(side, ignore_errors=True)


def adopt_files(checkout: Checkout, tasks: Iterable[ReadTask], cache: AssetCache) -> int:
    """Take over what earlier runs of the checkout fetched, under the names that OSWorld gave it; how many were new."""
    caches = checkout.caches
    adopted = 0
    for read in tasks:
        for file in (file for file in files_of(read.task) if not is_local(file.url)):
            places = [base / read.task.id / file.name for base in caches if _holds(base, read.task.id, file.name)]
            if places and cache.find(file.url) is None:
                adopted += cache.adopt(file.url, places[0], ADOPTED)
    return adopted


def _holds(base: Path, *names: str) -> bool:
    """Whether the file is there; one that a link fetches from outside is not: what is adopted gets into desktops."""
    file = base.joinpath(*names)
    return file.is_file() and file.resolve().is_relative_to(base.resolve())


def edition_of(tasks: Iterable[Task]) -> str:
    """`today` or `arpo`: today's files say of each task whether it needs a proxy, those of spring 2025 do not."""
    says = Counter("proxy" in (task.model_extra or {}) for task in tasks)
    return "today" if says[True] >= says[False] else "arpo"


def _told(task: Task) -> ImportedTask:
    return ImportedTask(
        id=task.id,
        domain=task.domain,
        instruction=task.instruction,
        content_hash=task.content_hash,
        infeasible=task.infeasible,
        network=network_of(task).value,
        obstacles={provider: tuple(obstacles(task, provider)) for provider in PROVIDERS},
    )


def _domains(tasks: tuple[ImportedTask, ...]) -> tuple[DomainCount, ...]:
    counts = Counter(task.domain for task in tasks)
    return tuple(
        DomainCount(
            domain=domain,
            tasks=count,
            infeasible=sum(task.infeasible for task in tasks if task.domain == domain),
            live=sum(task.network == Network.LIVE for task in tasks if task.domain == domain),
        )
        for domain, count in sorted(counts.items())
    )


def _provider(name: str, tasks: tuple[ImportedTask, ...]) -> ProviderCount:
    runnable = [task for task in tasks if not task.obstacles[name]]
    why: dict[str, list[str]] = {}
    for task in tasks:
        for reason in task.obstacles[name]:
            why.setdefault(reason, []).append(task.id)
    reasons = [Reason(why=reason, tasks=len(ids), example=ids[0]) for reason, ids in why.items()]
    return ProviderCount(
        provider=name,
        runnable=len(runnable),
        feasible=sum(not task.infeasible for task in runnable),
        reasons=tuple(sorted(reasons, key=lambda reason: -reason.tasks)),
    )


def _split(name: str, index: Mapping[str, list[str]], there: set[str]) -> SplitCount:
    ids = [task for listed in index.values() for task in listed]
    kept = sum(task in there for task in ids)
    return SplitCount(split=name, tasks=kept, left_out=len(ids) - kept)


def _write(reading: Reading, report: OsworldReport, folder: Path) -> None:
    for read in reading.tasks:
        target = folder / EXAMPLES / read.task.domain / read.file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(read.file, target)
        _copy_own_files(read.task, folder)
    for name, index in {**reading.splits, **_of_ours(report)}.items():
        there = {(read.task.domain, read.task.id) for read in reading.tasks}
        kept = {domain: [task for task in ids if (domain, task) in there] for domain, ids in index.items()}
        if any(kept.values()):
            (folder / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    about = folder / REPORT
    about.parent.mkdir()
    about.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _copy_own_files(task: Task, folder: Path) -> None:
    """What lies beside the tasks and not at an address; one that is missing is named by the preflight."""
    for path in (file.url for file in files_of(task) if is_local(file.url)):
        found = own_file(task.folder, path)
        if found is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found, folder / path)


def _of_ours(report: OsworldReport) -> dict[str, dict[str, list[str]]]:
    """Splits that OSWorld has not: for each provider the tasks that can be done there, and those with an oracle."""
    oracles = json.loads(ORACLES.read_text(encoding="utf-8"))
    found: dict[str, dict[str, list[str]]] = {WITH_ORACLE: {}}
    for task in (task for task in report.tasks if task.id in oracles):
        found[WITH_ORACLE].setdefault(task.domain, []).append(task.id)
    for provider in PROVIDERS:
        index = found.setdefault(RUNNABLE.format(provider=provider.replace("-", "_")), {})
        for task in report.tasks:
            if not task.obstacles[provider] and not task.infeasible:
                index.setdefault(task.domain, []).append(task.id)
    return found
