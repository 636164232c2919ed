"""Whether a desktop has the applications of its task, asked before the task begins. Knows no provider."""

from __future__ import annotations

from arpo_engine.contract.applications import named
from arpo_engine.contract.errors import SetupFailed
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.tasks.osworld.applications import applications_of, lacking


def require_applications(client: DesktopClient, task: Task) -> None:
    """Ask a desktop of ours which programs it has; machines of OSWorld have their own, and are not asked.

    Raises:
        SetupFailed: naming the applications that the desktop lacks, and the cure.
        DesktopLost: it does not answer.
    """
    programs = sorted({program for one in applications_of(task) for program in one.programs})
    if not programs or not client.address.typed:
        return
    command = ["sh", "-c", 'for name; do command -v "$name"; done; true', "sh", *programs]
    done = client.post("/execute", {"command": command, "shell": False})
    found = {line.rpartition("/")[2] for line in str(done.get("output", "")).splitlines()}
    absent = lacking(task, found.__contains__)
    if absent:
        raise SetupFailed(
            f"task {task.id} is done in what the desktop lacks: {named(absent)}; run ./arpo setup xvfb (for "
            "containers ./arpo setup desktop-image, whose --apps names all of them), or leave the task out"
        )
