"""What goes with time: what teams' rules of storage say, try-outs nobody kept, old films, spent links."""

from __future__ import annotations

import logging

from django.utils import timezone

from webapp.accounts.models import SignInLink, Team, User
from webapp.films.services import delete_expired
from webapp.storage.services import apply_rules, remove_run
from webapp.tryouts.services import is_due, runs_due

log = logging.getLogger(__name__)


def tidy_up() -> None:
    """Everything that is due; each part can be repeated at any time."""
    freed = sum(apply_rules(team) for team in Team.objects.all())
    tryouts = remove_tryouts()
    links, _ = SignInLink.objects.filter(expires_at__lt=timezone.now()).delete()
    films = delete_expired()
    if freed or links or tryouts or films:
        gone = {"freed_bytes": freed, "links": links, "tryouts": tryouts, "films": films}
        log.info("tidied up", extra=gone)


def remove_tryouts() -> int:
    """Try-outs that ended a day ago and that nobody kept or pinned; how many went."""
    now, gone = timezone.now(), 0
    for run in runs_due(now):
        try:
            gone += remove_run(run, still_due=lambda row: is_due(row, now), why="a try-out that nobody kept")
        except OSError as error:
            log.warning("a try-out could not be removed", extra={"run": run.pk, "error": str(error)})
    return gone


def delete_now(team_id: str, actor_id: str) -> None:
    """What a maintainer asked for: the team's rules at once, in their name."""
    team = Team.objects.filter(pk=team_id).first()
    if team is not None:
        apply_rules(team, User.objects.filter(pk=actor_id).first())
