"""What people add to a run in the list: notes and stars. Changes nothing that a run does."""

from __future__ import annotations

from django.db import transaction

from webapp.accounts.models import User
from webapp.accounts.services import record
from webapp.bulk import clean_text
from webapp.runs.access import run_visible_to
from webapp.runs.errors import RunRefused
from webapp.runs.history.models import RunStar
from webapp.runs.models import Run
from webapp.runs.services.control import locked, require_control

MAX_NOTE = 4000


@transaction.atomic
def note_run(*, run: Run, actor: User, note: str, ip: str | None = None) -> None:
    """Replace a run's note. The audit log keeps the old one."""
    run = locked(run)
    require_control(actor, run, "write a note about")
    clean = clean_text(note).replace("\r\n", "\n").strip()
    if len(clean) > MAX_NOTE:
        raise RunRefused(f"The note has {len(clean)} characters; use {MAX_NOTE} or fewer.")
    old, run.note = run.note, clean
    run.save(update_fields=["note"])
    record(action="run.noted", subject=run, actor=actor, team=run.team, ip=ip, old=old)


@transaction.atomic
def star_run(*, run: Run, actor: User, ip: str | None = None) -> None:
    """Star a run for oneself; everybody who sees a run may, and twice is harmless."""
    if run_visible_to(actor, run.pk) is None:
        raise RunRefused(f"There is no run {run.pk} that you can see; check the address.")
    _, made = RunStar.objects.get_or_create(run=run, person=actor)
    if made:
        record(action="run.starred", subject=run, actor=actor, team=run.team, ip=ip)


@transaction.atomic
def unstar_run(*, run: Run, actor: User, ip: str | None = None) -> None:
    """Take one's own star back."""
    gone, _ = RunStar.objects.filter(run=run, person=actor).delete()
    if gone:
        record(action="run.unstarred", subject=run, actor=actor, team=run.team, ip=ip)
