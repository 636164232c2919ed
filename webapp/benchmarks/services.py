"""Asks for an import of a task set and writes down how far it is. The engine does it; nothing is read here."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.benchmarks.models import ImportState, TaskSetImport
from webapp.runs.queue import IMPORT_TASK_SET, enqueue

LONGEST_PATH = 500


class PathRefused(Exception):
    """A folder cannot be imported as it is named; the text says why."""


@transaction.atomic
def request_import(*, owner: User, team: Team, path: str, only_look: bool, ip: str | None = None) -> TaskSetImport:
    """Ask for the import of a folder on the engine's machine.

    Raises:
        PermissionRefused: the person may not.
        PathRefused: the path is none.
    """
    require_role(owner, team, Role.MAINTAINER, "import a task set")
    path = path.strip()
    if not path.startswith("/") or "\0" in path or "\n" in path or len(path) > LONGEST_PATH:
        raise PathRefused(
            f"{path[:80]!r} is no path on the engine's machine; give one that begins with /, such as /home/me/OSWorld"
        )
    wanted = TaskSetImport.objects.create(team=team, owner=owner, path=path, only_look=only_look)
    record(action="task_set.import", subject=wanted, actor=owner, team=team, ip=ip, path=path, only_look=only_look)
    enqueue(IMPORT_TASK_SET, str(wanted.pk))
    return wanted


def mark_reading(wanted: TaskSetImport) -> None:
    """The engine has been asked."""
    _write(wanted, state=ImportState.READING, message="Reading the folder where runs run")


def conclude(wanted: TaskSetImport, report: dict[str, Any]) -> None:
    """The engine has answered."""
    _write(wanted, state=ImportState.DONE, message="", report=report, ended_at=timezone.now())


def give_up(wanted: TaskSetImport, message: str) -> None:
    """It could not be done; the message says why and what to do."""
    _write(wanted, state=ImportState.FAILED, message=message, ended_at=timezone.now())


def _write(wanted: TaskSetImport, **values: Any) -> None:
    for name, value in values.items():
        setattr(wanted, name, value)
    wanted.save(update_fields=list(values))
