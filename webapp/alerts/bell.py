"""What the bell of every page shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from webapp.accounts.frame import current_team
from webapp.accounts.models import User
from webapp.alerts.selectors import unseen_count


def bell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: how many alerts nobody has seen; counted only when a template asks."""
    if not isinstance(getattr(request, "user", None), User):
        return {}
    return {"unseen_alerts": SimpleLazyObject(lambda: _count(request))}


def _count(request: HttpRequest) -> int:
    team = current_team(request)
    return unseen_count(request.user, team) if team else 0
