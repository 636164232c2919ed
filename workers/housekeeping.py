"""What goes with time: what each team's rules of storage (`webapp.storage`) say, spent links, and old films."""

from __future__ import annotations

import logging

from django.utils import timezone

from webapp.accounts.models import SignInLink, Team, User
from webapp.films.services import delete_expired
from webapp.storage.services import apply_rules

log = logging.getLogger(__name__)


def tidy_up() -> None:
    """Everything that is due; each part can be repeated at any time."""
    freed = sum(apply_rules(team) for team in Team.objects.all())
    links, _ = SignInLink.objects.filter(expires_at__lt=timezone.now()).delete()
    films = delete_expired()
    if freed or links or films:
        log.info("tidied up", extra={"freed_bytes": freed, "links": links, "films": films})


def delete_now(team_id: str, actor_id: str) -> None:
    """What a maintainer asked for: the team's rules at once, in their name."""
    team = Team.objects.filter(pk=team_id).first()
    if team is not None:
        apply_rules(team, User.objects.filter(pk=actor_id).first())
