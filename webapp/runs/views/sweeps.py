"""A sweep: its runs beside each other, with only the settings in which they differ."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.runs.counting import counting_of
from webapp.runs.sweep_page import sweep_visible_to


@signed_in
def page(request: PersonRequest, sweep_id: int) -> HttpResponse:
    """All runs of the sweep, the best held-out success marked."""
    counting = counting_of(request)
    sweep = sweep_visible_to(request.user, sweep_id, counting)
    if sweep is None:
        raise Http404("There is no such sweep, or it belongs to a team that you are not in.")
    return render(request, "runs/sweep.html", {"section": "runs", "tab": "", "page": sweep, "counting": counting})
