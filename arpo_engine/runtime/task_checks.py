"""What tasks of real applications need before a run begins: their files, OSWorld's own code, a desktop that has it all.

Each answer is (status, fact, cure); `preflight.py` makes a check of it. Looks at files and starts nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Literal

from arpo_engine.contract.applications import named
from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.contract.config.desktops import DesktopsConfig, XvfbDesktopsConfig
from arpo_engine.contract.errors import DesktopLost, TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.docker.image import programs_of
from arpo_engine.desktops.xvfb.requirements import has_program
from arpo_engine.tasks.osworld.applications import lacking
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.home import scoring_home
from arpo_engine.tasks.osworld.needs import Need, obstacles
from arpo_engine.tasks.osworld.refusals import refuse_unsafe
from arpo_engine.tasks.places import asset_folder, is_offline

Finding = tuple[str, Literal["ok", "warn", "fail"], str, str]
"""(name, status, fact, cure)."""
SHOWN = 5
"""Tasks that a message names."""


def check_tasks(tasks: Sequence[Task], desktops: DesktopsConfig, source: str) -> Iterator[Finding]:
    """What stands in the way of tasks on desktops that are not `pocket`."""
    yield _scoring()
    yield _allowed(tasks)
    yield _files(tasks, source)
    yield from _applications(tasks, desktops)
    yield _runnable(tasks, desktops)
    if desktops.kind == "xvfb" and os.geteuid() != 0:
        fact = "without root a desktop's user is, to the kernel, you: it sees the system's folders, and no other file"
        yield "isolation", "ok", fact, ""


def _scoring() -> Finding:
    try:
        home = scoring_home()
    except TaskError as error:
        message, _, cure = str(error).partition("; ")
        return "scoring", "fail", message, cure
    user = f" as the user {home.user}" if home.user is not None else ""
    return "scoring", "ok", f"OSWorld's own code sets tasks up and scores them, with {home.python}{user}", ""


def _allowed(tasks: Sequence[Task]) -> Finding:
    for task in tasks:
        try:
            refuse_unsafe(task)
        except TaskError as error:
            return "task files", "fail", f"task {task.id}: {error}", "mend the task, or leave it out of the split"
    return "task files", "ok", "every step, function and path of the tasks is known and stays in its folder", ""


def _files(tasks: Sequence[Task], source: str) -> Finding:
    cache = AssetCache(asset_folder(), offline=is_offline())
    missing = [(url, task.id) for task in tasks for url in cache.missing(task)]
    if not missing:
        return "assets", "ok", f"every file that the tasks need is in {cache.folder} or beside them", ""
    url, name = missing[0]
    count = f"{len(missing)} files of the tasks are" if len(missing) > 1 else "1 file of the tasks is"
    cure = f"./arpo assets fetch --tasks {source} --split SPLIT fetches them once for all runs"
    return "assets", "fail", f"{count} not on this machine; the first is {url} of task {name}", cure


def _applications(tasks: Sequence[Task], desktops: DesktopsConfig) -> Iterator[Finding]:
    """Where it can be told before a desktop starts: on this machine, and in images that say what they hold."""
    has = _programs(desktops)
    if has is None:
        return
    missing = {task.id: lacking(task, has) for task in tasks}
    without = [name for name, applications in missing.items() if applications]
    if not without:
        yield "applications", "ok", "every application that the tasks are done in is installed", ""
        return
    absent = tuple(dict.fromkeys(one for applications in missing.values() for one in applications))
    where = "the image" if isinstance(desktops, DockerDesktopsConfig) else "this machine"
    fact = f"{len(without)} of {len(tasks)} tasks are done in what {where} lacks: {named(absent)}"
    packages = " ".join(dict.fromkeys(package for one in absent for package in one.packages))
    cure = (
        f"build it anew with ./arpo setup desktop-image, whose --apps should name {packages}"
        if isinstance(desktops, DockerDesktopsConfig)
        else f"run ./arpo setup xvfb, or as root: apt-get install --no-install-recommends {packages}"
    )
    names = f"{', '.join(without[:SHOWN])}{' …' if len(without) > SHOWN else ''}"
    yield "applications", "fail", fact, f"{cure}; or leave out {names}"


def _programs(desktops: DesktopsConfig) -> Callable[[str], bool] | None:
    """Whether a desktop has a program; none where only the desktop itself can say."""
    if isinstance(desktops, XvfbDesktopsConfig):
        return has_program
    if isinstance(desktops, DockerDesktopsConfig):
        # An engine or an image that is not there is said by the check that starts a desktop.
        with suppress(DesktopLost):
            found = programs_of(desktops.image)
            return None if found is None else found.__contains__
    return None


def _runnable(tasks: Sequence[Task], desktops: DesktopsConfig) -> Finding:
    provider, withheld, granted = desktops.kind, _withheld(desktops), _granted(desktops)
    why = Counter(reason for task in tasks for reason in obstacles(task, provider, withheld, granted)[:1])
    if not why:
        return "runnable", "ok", f"every task has what it needs on desktops of kind {provider}", ""
    reasons = "; ".join(f"{reason} ({count})" for reason, count in why.most_common(3))
    fact = f"{why.total()} of {len(tasks)} tasks cannot be done on desktops of kind {provider}: {reasons}"
    cure = f"import-osworld writes the split runnable_{provider.replace('-', '_')}"
    if Need.WEB.value in why and isinstance(desktops, DockerDesktopsConfig):
        cure += "; desktops.network = open lets tasks reach the web from their container"
    if any(need.value in why for need in withheld):
        cure += "; desktops.administrator = true lets tasks use sudo inside their container"
    return "runnable", "warn", fact, cure


def _withheld(desktops: DesktopsConfig) -> frozenset[Need]:
    """What the kind of desktop could give, and these settings do not."""
    closed = isinstance(desktops, DockerDesktopsConfig) and not desktops.administrator
    return frozenset({Need.ADMINISTRATOR}) if closed else frozenset()


def _granted(desktops: DesktopsConfig) -> frozenset[Need]:
    """What these settings give beyond what the kind of desktop usually has."""
    opened = isinstance(desktops, DockerDesktopsConfig) and desktops.network == "open"
    return frozenset({Need.WEB, Need.INSTALLS}) if opened else frozenset()
