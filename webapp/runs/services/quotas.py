"""What a team may use at most: set by those who run the console, since all teams share its machines."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from webapp.accounts.models import Team, User
from webapp.accounts.permissions import require_console_admin
from webapp.accounts.services import record
from webapp.runs.errors import RunRefused
from webapp.runs.planning_models import TeamQuota
from webapp.runs.queue import DISPATCH_RUNS, enqueue

MOST = 1_000_000


@transaction.atomic
def set_quota(
    *,
    team: Team,
    actor: User,
    gpu_hours: int | None,
    desktops: int | None,
    concurrent_runs: int | None,
    ip: str | None = None,
) -> TeamQuota:
    """Set a team's bounds; None takes one away. Runs that are under way go on; the next ones wait."""
    require_console_admin(actor, "change the quota of a team")
    bounds = {"gpu_hours": gpu_hours, "desktops": desktops, "concurrent_runs": concurrent_runs}
    for name, bound in bounds.items():
        if bound is not None and not 0 <= bound <= MOST:
            raise RunRefused(f"{name} is {bound}; use a number from 0 to {MOST:,}, or nothing for no bound.")
    quota, created = TeamQuota.objects.select_for_update().get_or_create(team=team)
    old = {name: None if created else getattr(quota, name) for name in bounds}
    for name, bound in bounds.items():
        setattr(quota, name, bound)
    quota.set_by, quota.set_at = actor, timezone.now()
    quota.save()
    record(action="quota.set", subject=team, actor=actor, team=team, ip=ip, old=old, new=bounds)
    enqueue(DISPATCH_RUNS)
    return quota
