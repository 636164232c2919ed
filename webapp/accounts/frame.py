"""What the frame around every page shows: the person's teams, the one they look at, their role, and how setup goes."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.utils.functional import SimpleLazyObject

from webapp.accounts.models import Membership, Role, Team, User

TEAM_KEY = "team"
KEPT = "_memberships_of_person"
"""Where a request keeps what was asked about its person's teams."""


def current_team(request: HttpRequest) -> Team | None:
    """The team that the person looks at: the one they switched to, else their first; None without a team."""
    membership = _current(request)
    return membership.team if membership else None


def team_or_404(request: HttpRequest) -> Team:
    """The team that the person looks at, for what only makes sense inside one.

    Raises:
        Http404: the person is in no team.
    """
    team = current_team(request)
    if team is None:
        raise Http404("You are not a member of any team; ask an admin to add you.")
    return team


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
        "teams": SimpleLazyObject(lambda: [membership.team for membership in _memberships(request)]),
        "role": SimpleLazyObject(lambda: _role(request)),
        "setup": SimpleLazyObject(setup_state),
    }


def _role(request: HttpRequest) -> Role | None:
    membership = _current(request)
    return Role(membership.role) if membership and request.user.is_active else None


def _current(request: HttpRequest) -> Membership | None:
    memberships = _memberships(request)
    chosen = request.session.get(TEAM_KEY)
    found = (membership for membership in memberships if membership.team_id == chosen)
    return next(found, memberships[0] if memberships else None)


def _memberships(request: HttpRequest) -> list[Membership]:
    """The person's teams and roles, asked for once in a request: the frame and the page both want to know."""
    kept: list[Membership] | None = getattr(request, KEPT, None)
    if kept is None:
        of_person = Membership.objects.filter(user=request.user) if isinstance(request.user, User) else None
        kept = list(of_person.select_related("team").order_by("team__name", "team_id")) if of_person is not None else []
        setattr(request, KEPT, kept)
    return kept


def _percent(value: object) -> int:
    return max(0, min(100, int(value))) if isinstance(value, int | float) else 0
