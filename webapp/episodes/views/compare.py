"""Two evaluations of a team beside each other."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.episodes.comparison import compare, other_visible_to, others_visible_to
from webapp.runs.config_tree import differences
from webapp.runs.models import RunKind
from webapp.runs.views.detail import run_frame, visible_run


@signed_in
def comparison(request: PersonRequest, run_id: str) -> HttpResponse:
    """The choice of another evaluation, and what became of each task if one is chosen."""
    run = visible_run(request, run_id)
    if run.kind != RunKind.EVALUATE:
        raise Http404("Only evaluations can be compared, and this run is a training.")
    chosen = request.GET.get("with", "")
    other = other_visible_to(request.user, run, chosen) if chosen else None
    if chosen and other is None:
        raise Http404("There is no such evaluation in this run's team.")
    context = {
        **run_frame(request, run, "overview"),
        "other": other,
        "others": others_visible_to(request.user, run),
        "sets": compare(run, other) if other is not None else [],
        "differences": differences(other.config, run.config) if other is not None else [],
    }
    return render(request, "episodes/compare.html", context)
