"""Names, tags and the archive: what keeps the list of runs tidy and changes nothing that a run does."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.accounts.services import record
from webapp.bulk import clean_text
from webapp.runs.errors import RunRefused
from webapp.runs.models import Run
from webapp.runs.services.control import locked, require_control
from webapp.runs.services.creation import clean_tags


@transaction.atomic
def rename_run(*, run: Run, actor: User, name: str, ip: str | None = None) -> None:
    """Give a run another name."""
    run = locked(run)
    require_control(actor, run, "rename")
    clean = " ".join(clean_text(name).split())
    if not 1 <= len(clean) <= 120:
        raise RunRefused(f"The name has {len(clean)} characters; use 1 to 120.")
    old, run.name = run.name, clean
    run.save(update_fields=["name"])
    record(action="run.renamed", subject=run, actor=actor, team=run.team, ip=ip, old=old, new=clean)


@transaction.atomic
def tag_run(*, run: Run, actor: User, tags: Sequence[str], ip: str | None = None) -> None:
    """Replace a run's tags."""
    run = locked(run)
    require_control(actor, run, "tag")
    run.tags = clean_tags(tags)
    run.save(update_fields=["tags"])
    record(action="run.tagged", subject=run, actor=actor, team=run.team, ip=ip, tags=run.tags)


@transaction.atomic
def archive_run(*, run: Run, actor: User, ip: str | None = None) -> None:
    """Hide an ended run from the list; nothing of it is deleted."""
    run = locked(run)
    require_control(actor, run, "archive")
    if not run.has_ended:
        raise RunRefused(f"The run is {run.status}; stop it before archiving it.")
    run.archived_at = run.archived_at or timezone.now()
    run.save(update_fields=["archived_at"])
    record(action="run.archived", subject=run, actor=actor, team=run.team, ip=ip)


@transaction.atomic
def unarchive_run(*, run: Run, actor: User, ip: str | None = None) -> None:
    """Bring an archived run back into the list."""
    run = locked(run)
    require_control(actor, run, "unarchive")
    run.archived_at = None
    run.save(update_fields=["archived_at"])
    record(action="run.unarchived", subject=run, actor=actor, team=run.team, ip=ip)
