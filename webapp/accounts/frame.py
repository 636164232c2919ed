"""What the frame around every page shows: the person's teams, the one they look at, their role, and how setup goes."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import role_of
from webapp.accounts.selectors import teams_visible_to

TEAM_KEY = "team"


def current_team(request: HttpRequest) -> Team | None:
    """The team that the person looks at: the one they switched to, else their first; None without a team."""
    teams = teams_visible_to(request.user)
    chosen = request.session.get(TEAM_KEY)
    return (teams.filter(pk=chosen).first() if chosen else None) or teams.first()


def setup_state() -> dict[str, Any] | None:
    """How far the installation of the engine is; None when there is nothing to say (it is done, or ran elsewhere)."""
    try:
        state = json.loads((settings.DATA_DIR / "setup.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(state, dict) or (state.get("done") and not state.get("error")):
        return None
    return {
        "phase": str(state.get("phase", "")),
        "percent": _percent(state.get("percent")),
        "message": str(state.get("message", "")),
        "error": str(state.get("error") or ""),
        "done": False,
    }


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Each value is worked out when a template asks for it, so a fragment pays for nothing."""
    if not isinstance(getattr(request, "user", None), User):
        return {}
    return {
        "team": SimpleLazyObject(lambda: current_team(request)),
        "teams": SimpleLazyObject(lambda: list(teams_visible_to(request.user))),
        "role": SimpleLazyObject(lambda: _role(request)),
        "setup": SimpleLazyObject(setup_state),
    }


def _role(request: HttpRequest) -> Role | None:
    team = current_team(request)
    return role_of(request.user, team) if team else None


def _percent(value: object) -> int:
    return max(0, min(100, int(value))) if isinstance(value, int | float) else 0
