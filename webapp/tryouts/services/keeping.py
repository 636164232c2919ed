"""Which try-outs stay: those that somebody kept, with a note. All others are removed a day after their end."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from webapp.accounts.models import Role, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.bulk import clean_text
from webapp.runs.models import ENDED_STATUSES, Run, RunKind
from webapp.runs.services.control import locked
from webapp.tryouts.models import STAYS_FOR, Tryout
from webapp.tryouts.services.directing import TryoutRefused

MOST_LETTERS: Final = 2000


@transaction.atomic
def keep(*, run: Run, actor: User, note: str = "", ip: str | None = None) -> None:
    """Let a try-out stay in the history. Keeping it again replaces the note.

    Raises:
        PermissionRefused: the person is no runner of the team.
        TryoutRefused: the note is too long, or the run is no try-out.
    """
    run = locked(run)
    require_role(actor, run.team, Role.RUNNER, "keep a try-out")
    clean = clean_text(note).replace("\r\n", "\n").strip()
    if len(clean) > MOST_LETTERS:
        raise TryoutRefused(f"The note has {len(clean)} characters; use {MOST_LETTERS} or fewer.", 422)
    kept = Tryout.objects.filter(run=run).update(kept_at=timezone.now(), kept_by=actor, note=clean)
    if not kept:
        raise TryoutRefused(f"{run.name} is no try-out, and stays anyway.", 404)
    record(action="tryout.kept", subject=run, actor=actor, team=run.team, ip=ip)


@transaction.atomic
def unkeep(*, run: Run, actor: User, ip: str | None = None) -> None:
    """Let a try-out go with time again. Twice is harmless."""
    run = locked(run)
    require_role(actor, run.team, Role.RUNNER, "let a try-out go")
    gone = Tryout.objects.filter(run=run).exclude(kept_at=None).update(kept_at=None, kept_by=None)
    if gone:
        record(action="tryout.not_kept", subject=run, actor=actor, team=run.team, ip=ip)


def runs_due(now: datetime) -> QuerySet[Run]:
    """Runs of try-outs that nobody kept and that ended a day ago."""
    loose = Tryout.objects.filter(kept_at=None).values("run")
    ended = Run.objects.filter(status__in=ENDED_STATUSES, finished_at__lte=now - STAYS_FOR, is_example=False)
    return ended.filter(kind=RunKind.TRY, pk__in=loose).select_related("team")


def is_due(run: Run, now: datetime) -> bool:
    """Whether a run is a try-out that nobody kept and that ended a day ago."""
    return runs_due(now).filter(pk=run.pk).exists()
