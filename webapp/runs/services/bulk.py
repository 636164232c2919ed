"""One order for many runs: each is done or refused by itself, and the answer says which and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.accounts.permissions import PermissionRefused
from webapp.counted import counted
from webapp.runs.errors import RunRefused
from webapp.runs.models import Run, RunStatus
from webapp.runs.services.control import locked, request_stop, resume_run, undo_stop
from webapp.runs.services.housework import archive_run, tag_run, unarchive_run
from webapp.runs.services.notes import star_run, unstar_run

MAX_RUNS: Final = 200
"""More runs than that at once are refused: each is a change of its own, with its own line in the audit log."""
UNDO_WITHIN: Final = timedelta(seconds=30)
"""A stop before the run began can be taken back that long; the window of the page is shorter."""

Order = Callable[..., object]


@dataclass(kw_only=True)
class BulkOutcome:
    """What became of an order to many runs."""

    done: list[Run] = field(default_factory=list)
    refused: list[tuple[Run, str]] = field(default_factory=list)

    def words(self, verb: str) -> str:
        """The outcome in a sentence; one refusal is quoted, since they are mostly alike."""
        told = f"{counted(len(self.done), 'run')} {verb}."
        if self.refused:
            told += f" {len(self.refused)} not: {self.refused[0][1]}"
        return told


def for_each(order: Order, *, runs: Iterable[Run], actor: User, ip: str | None = None, **words: object) -> BulkOutcome:
    """Give the order to each run. A refusal of one does not hinder the others."""
    outcome = BulkOutcome()
    for run in runs:
        try:
            order(run=run, actor=actor, ip=ip, **words)
        except (RunRefused, PermissionRefused) as refusal:
            outcome.refused.append((run, str(refusal)))
        else:
            outcome.done.append(run)
    return outcome


@transaction.atomic
def take_stop_back(*, run: Run, actor: User, ip: str | None = None) -> str:
    """Undo a graceful stop: a run that is stopping goes on, one that was stopped in the queue gets its place again."""
    run = locked(run)
    if run.status != RunStatus.STOPPED:
        return undo_stop(run=run, actor=actor, ip=ip)
    if timezone.now() - run.status_at > UNDO_WITHIN or run.attempts.exists():
        raise RunRefused(f"{run.name} has stopped; resume it instead.")
    place = run.queued_at
    said = resume_run(run=run, actor=actor, ip=ip)
    Run.objects.filter(pk=run.pk).update(queued_at=place)
    return said


def add_tags(*, run: Run, actor: User, tags: list[str], ip: str | None = None) -> None:
    """Add tags to those that the run has."""
    tag_run(run=run, actor=actor, tags=[*run.tags, *tags], ip=ip)


def remove_tags(*, run: Run, actor: User, tags: list[str], ip: str | None = None) -> None:
    """Take tags away; those that the run does not have are no matter."""
    gone = {" ".join(tag.split()) for tag in tags}
    tag_run(run=run, actor=actor, tags=[tag for tag in run.tags if tag not in gone], ip=ip)


ORDERS: Final[dict[str, tuple[Order, str]]] = {
    "stop": (request_stop, "asked to stop"),
    "keep_running": (take_stop_back, "kept running"),
    "archive": (archive_run, "archived"),
    "unarchive": (unarchive_run, "brought back from the archive"),
    "star": (star_run, "starred"),
    "unstar": (unstar_run, "no longer starred"),
    "tag": (add_tags, "tagged"),
    "untag": (remove_tags, "untagged"),
}
"""Orders by their word in the page, each with what it did, in the words of the answer."""
