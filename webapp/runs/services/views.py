"""Saved views: naming what one looks at, sharing it with the team, and beginning with it."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.http import QueryDict
from django.utils import timezone

from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.bulk import clean_text
from webapp.runs.errors import RunRefused
from webapp.runs.history.language import parse
from webapp.runs.history.models import DefaultView, SavedView
from webapp.runs.history.state import ViewState

MAX_VIEWS: Final = 200
"""Views of one person in one team."""
MAX_STATE: Final = 6000


@transaction.atomic
def save_view(
    *,
    owner: User,
    team: Team,
    name: str,
    state: str,
    shared: bool = False,
    default: bool = False,
    ip: str | None = None,
) -> SavedView:
    """Keep a view under a name; one's own of the same name is replaced. To share one takes the role of a runner.

    Raises:
        RunRefused: the name is empty or too long, or there are too many views.
        QueryError: its query cannot be read, so nobody could open it.
    """
    require_role(owner, team, Role.RUNNER if shared else Role.VIEWER, "share a view" if shared else "save a view")
    clean = " ".join(clean_text(name).split())
    if not 1 <= len(clean) <= 60:
        raise RunRefused(f"The name of the view has {len(clean)} characters; use 1 to 60.")
    view_state = ViewState.of(QueryDict(state[:MAX_STATE]))
    parse(view_state.q)
    if SavedView.objects.filter(owner=owner, team=team).exclude(name=clean).count() >= MAX_VIEWS:
        raise RunRefused(f"You have {MAX_VIEWS} views in {team.name} already; delete one of them first.")
    view, made = SavedView.objects.update_or_create(
        owner=owner,
        team=team,
        name=clean,
        defaults={"state": view_state.parameters(), "shared": shared, "updated_at": timezone.now()},
    )
    record(action="view.saved", subject=view, actor=owner, team=team, ip=ip, name=clean, shared=shared, new=made)
    if default:
        begin_with(view=view, actor=owner, ip=ip)
    return view


@transaction.atomic
def delete_view(*, view: SavedView, actor: User, ip: str | None = None) -> None:
    """Delete a view: its owner may, and for a shared one a maintainer."""
    _require_owner(view, actor, "delete")
    record(action="view.deleted", subject=view, actor=actor, team=view.team, ip=ip, name=view.name, state=view.state)
    view.delete()


@transaction.atomic
def share_view(*, view: SavedView, actor: User, shared: bool, ip: str | None = None) -> None:
    """Show a view to the whole team, or to its owner alone again."""
    _require_owner(view, actor, "share" if shared else "stop sharing")
    require_role(actor, view.team, Role.RUNNER, "share a view")
    view.shared, view.updated_at = shared, timezone.now()
    view.save(update_fields=["shared", "updated_at"])
    if not shared:
        DefaultView.objects.filter(view=view).exclude(person=view.owner).delete()
    record(action="view.shared", subject=view, actor=actor, team=view.team, ip=ip, name=view.name, shared=shared)


@transaction.atomic
def begin_with(*, view: SavedView | None, actor: User, team: Team | None = None, ip: str | None = None) -> None:
    """Open the list with this view from now on, or (None, of a team) with all runs again."""
    if view is None:
        DefaultView.objects.filter(person=actor, team=team).delete()
        return
    require_role(actor, view.team, Role.VIEWER, "begin with a view")
    DefaultView.objects.update_or_create(person=actor, team=view.team, defaults={"view": view})
    record(action="view.default", subject=view, actor=actor, team=view.team, ip=ip, name=view.name)


def _require_owner(view: SavedView, actor: User, doing: str) -> None:
    if view.owner_id != actor.pk:
        require_role(actor, view.team, Role.MAINTAINER, f"{doing} somebody else's view")
