"""Saved views: keep, share, delete, and begin with one. Each is a POST that leads back to the list."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import team_or_404
from webapp.accounts.permissions import PermissionRefused
from webapp.runs.errors import RunRefused
from webapp.runs.history.language import QueryError
from webapp.runs.history.models import SavedView
from webapp.runs.history.saved import view_visible_to
from webapp.runs.history.state import ViewState
from webapp.runs.services import views as services


@require_POST
@signed_in
def save(request: PersonRequest) -> HttpResponse:
    """Keep what one looks at under a name."""
    team, state = team_or_404(request), request.POST.get("state", "")
    try:
        view = services.save_view(
            owner=request.user,
            team=team,
            name=request.POST.get("name", ""),
            state=state,
            shared=request.POST.get("shared") == "1",
            default=request.POST.get("default") == "1",
            ip=request.META.get("REMOTE_ADDR"),
        )
    except (RunRefused, PermissionRefused, QueryError) as refusal:
        messages.error(request, str(refusal))
        return redirect(_list(ViewState.of(QueryDict(state[: services.MAX_STATE])).parameters()))
    messages.success(request, f"Saved as {view.name}{', for the whole team' if view.shared else ''}.")
    return redirect(_list(view.state))


def _order(change: Callable[[PersonRequest, SavedView], str]) -> Callable[..., HttpResponse]:
    """A view of Django's that does one thing to one saved view and goes back to the list."""

    @require_POST
    @signed_in
    def order(request: PersonRequest, view_id: int) -> HttpResponse:
        view = view_visible_to(request.user, team_or_404(request), view_id)
        if view is None:
            raise Http404
        state = view.state
        try:
            messages.success(request, change(request, view))
        except (RunRefused, PermissionRefused) as refusal:
            messages.error(request, str(refusal))
        return redirect(_list(state))

    return order  # type: ignore[return-value]


def _delete(request: PersonRequest, view: SavedView) -> str:
    services.delete_view(view=view, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
    return f"The view {view.name} is deleted."


def _share(request: PersonRequest, view: SavedView) -> str:
    shared = request.POST.get("shared") == "1"
    services.share_view(view=view, actor=request.user, shared=shared, ip=request.META.get("REMOTE_ADDR"))
    return f"{view.name} is {'the whole team’s now' if shared else 'your own again'}."


def _begin(request: PersonRequest, view: SavedView) -> str:
    if request.POST.get("begin") == "0":
        services.begin_with(view=None, actor=request.user, team=view.team, ip=request.META.get("REMOTE_ADDR"))
        return "The list begins with all runs."
    services.begin_with(view=view, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
    return f"The list begins with {view.name} from now on."


delete = _order(_delete)
share = _order(_share)
begin = _order(_begin)


def _list(state: str) -> str:
    return f"{reverse('runs:list')}?{state or 'q='}"
