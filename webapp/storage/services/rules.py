"""What people decide about storage: a team's rules, a pin on a run, and deleting now instead of with the next tick."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.runs.models import Run
from webapp.runs.queue import enqueue
from webapp.runs.services.control import locked, require_control
from webapp.storage.facts import rules_of
from webapp.storage.models import RunPin, TeamRetention
from webapp.storage.plan import Rules

DELETE_NOW: Final = "arpo.delete_by_rules"


class RetentionRefused(Exception):
    """What was asked is not done; the text says why and what to do."""


@transaction.atomic
def set_rules(*, team: Team, actor: User, rules: Rules, ip: str | None = None) -> None:
    """From now on what is due by these rules is deleted of the team's runs, without asking again."""
    require_role(actor, team, Role.MAINTAINER, "change what is deleted with time")
    old = rules_of(team)
    words = {**asdict(rules), "set_by": actor, "set_at": timezone.now()}
    row, _ = TeamRetention.objects.update_or_create(team=team, defaults=words)
    record(action="storage.rules_set", subject=row, actor=actor, team=team, ip=ip, old=asdict(old), new=asdict(rules))


@transaction.atomic
def ask_to_delete(*, team: Team, actor: User, typed: str, ip: str | None = None) -> None:
    """Have what is due deleted at once; `typed` is the team's name, typed by hand.

    Raises:
        RetentionRefused: it is another name.
    """
    require_role(actor, team, Role.MAINTAINER, "delete by the rules now")
    if typed.strip() != team.name:
        raise RetentionRefused(f"Type the team's name, {team.name}, to delete what is due; nothing was deleted.")
    record(action="storage.asked", subject=team, actor=actor, team=team, ip=ip)
    enqueue(DELETE_NOW, str(team.pk), str(actor.pk))


@transaction.atomic
def pin_run(*, run: Run, actor: User, ip: str | None = None) -> None:
    """Keep everything of a run, whatever the rules say. Pinning twice is harmless."""
    run = locked(run)
    require_control(actor, run, "pin")
    _, made = RunPin.objects.get_or_create(run=run, defaults={"pinned_by": actor})
    if made:
        record(action="run.pinned", subject=run, actor=actor, team=run.team, ip=ip)


@transaction.atomic
def unpin_run(*, run: Run, actor: User, ip: str | None = None) -> None:
    """Let the rules hold for a run again."""
    run = locked(run)
    require_control(actor, run, "unpin")
    gone, _ = RunPin.objects.filter(run=run).delete()
    if gone:
        record(action="run.unpinned", subject=run, actor=actor, team=run.team, ip=ip)
