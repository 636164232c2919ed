"""The live page of a try-out: the screen, what was done, and who directs; and the same as data for its script."""

from __future__ import annotations

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.tryouts.models import Tryout
from webapp.tryouts.selectors import standing_of, tryout_visible_to


@require_safe
@signed_in
def tryout(request: PersonRequest, try_id: str) -> HttpResponse:
    """The page."""
    row = visible_tryout(request, try_id)
    context = {
        "section": "runs",
        "tryout": row,
        "run": row.run,
        "standing": standing_of(request.user, row),
        "config": row.run.config,
    }
    return render(request, "tryouts/page.html", context)


@require_safe
@signed_in
def state(request: PersonRequest, try_id: str) -> JsonResponse:
    """How it stands now."""
    response = JsonResponse(standing_of(request.user, visible_tryout(request, try_id)))
    response["Cache-Control"] = "no-store"
    return response


def visible_tryout(request: PersonRequest, try_id: str) -> Tryout:
    """The try-out of the address, for somebody who may see it."""
    row = tryout_visible_to(request.user, try_id)
    if row is None:
        raise Http404("There is no such try-out, or it belongs to a team that you are not in.")
    return row
