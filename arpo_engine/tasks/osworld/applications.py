"""Which applications a task is done in, and which of them a machine lacks. Knows the task's JSON; asks nobody.

A program that is not there is no fault to OSWorld's code: it logs that nothing was launched and goes on, and every
episode of the task then scores zero. So it is asked before a run begins, and again before an episode does.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from arpo_engine.contract.applications import BY_PROGRAM, Application, application_named
from arpo_engine.contract.tasks import Task


def applications_of(task: Task) -> tuple[Application, ...]:
    """The applications that the task names, and those of the programs that its setup starts; each once."""
    named = (application_named(name) for name in task.related_apps)
    started = (BY_PROGRAM.get(program) for step in task.config for program in _started(step.type, step.parameters))
    return tuple(dict.fromkeys(found for found in (*named, *started) if found is not None))


def lacking(task: Task, has: Callable[[str], bool]) -> tuple[Application, ...]:
    """The task's applications that are not there.

    Args:
        task: What is to be done.
        has: Whether a program can be started by its name.
    """
    return tuple(one for one in applications_of(task) if not any(has(program) for program in one.programs))


def _started(kind: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """The program of a `launch` step, by its name alone."""
    if kind != "launch":
        return
    command = parameters.get("command") or ""
    try:
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    except ValueError:
        # A quote that never ends: the shell of the desktop may make sense of it, and we need not.
        return
    programs = (word for word in words if "=" not in word.partition("/")[0])
    yield from (program.rpartition("/")[2] for program in list(programs)[:1])
