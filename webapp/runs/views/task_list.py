"""Tasks that a new run is to practise or to measure: in the address while the list is short, else in the session."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.http import HttpRequest

from webapp.runs.config_tree import set_path

SESSION_KEY: Final = "chosen_tasks"
KEPT: Final = "kept"
MAX_TASKS: Final = 5000
MAX_IN_ADDRESS: Final = 4000
"""Characters; servers in front of the console refuse addresses of 8,000."""
MAX_TASK_ID: Final = 200


def keep_tasks(request: HttpRequest, tasks: Sequence[str]) -> str:
    """The word for the address of the form that stands for these tasks."""
    words = ",".join(tasks)
    if len(words) <= MAX_IN_ADDRESS and not any("," in task for task in tasks) and words != KEPT:
        return words
    request.session[SESSION_KEY] = list(tasks)
    return KEPT


def tasks_of(request: HttpRequest) -> list[str]:
    """The tasks that the address of the form stands for; none where it names none."""
    word = request.GET.get("tasks", "")
    listed = request.session.get(SESSION_KEY, []) if word == KEPT else word.replace("\x00", "").split(",")
    tasks = [str(task).strip()[:MAX_TASK_ID] for task in listed[:MAX_TASKS]]
    return list(dict.fromkeys(task for task in tasks if task))


def with_tasks(tree: Mapping[str, Any], tasks: Sequence[str]) -> dict[str, Any]:
    """The settings with this list: what a training practises, or what an evaluation measures."""
    changed: dict[str, Any] = copy.deepcopy(dict(tree))
    if not tasks:
        return changed
    if changed.get("kind") == "evaluate":
        set_path(changed, "evaluation.select", list(tasks))
        set_path(changed, "evaluation.split", "both")
        # The first so many of a list of one's own would be a surprise.
        set_path(changed, "evaluation.tasks", None)
    else:
        set_path(changed, "tasks.only", list(tasks))
        set_path(changed, "tasks.limit", None)
    return changed


def with_all_frames(request: HttpRequest, tree: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with every screenshot kept, where the address says `frames=all`: for episodes to be looked at."""
    changed: dict[str, Any] = copy.deepcopy(dict(tree))
    if request.GET.get("frames") == "all":
        set_path(changed, "frames.sample_every", 1)
    return changed
