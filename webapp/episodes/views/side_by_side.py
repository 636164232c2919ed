"""Any two episodes beside each other with one scrubber, of one run or of two; everything about it is in the address."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.episodes.divergence import parts_at
from webapp.episodes.models import Episode, Step
from webapp.episodes.selectors import bare_episode_visible_to
from webapp.episodes.step_data import final_of, steps_count, steps_page
from webapp.runs.access import run_visible_to
from webapp.runs.models import Run

HOW = "Choose exactly two episodes, for example on the page of a group."


@signed_in
def side_by_side(request: PersonRequest) -> HttpResponse:
    """Two episodes; each is named by `e=RUN/KEY`."""
    named = request.GET.getlist("e")
    if len(named) != 2:
        told = {"section": "runs", "why": f"{len(named)} were chosen. {HOW}"}
        return render(request, "episodes/side_by_side.html", told, status=422 if named else 200)
    sides = [_side(request, name) for name in named]
    shape = ("action", "frame_width", "frame_height")
    steps = [list(Step.objects.filter(episode=one).order_by("index").values_list(*shape)) for _, one in sides]
    screen = max((max(row[1], row[2]) for own in steps for row in own), default=0)
    parts = parts_at([row[0] for row in steps[0]], [row[0] for row in steps[1]], screen)
    swapped = f"?e={named[1]}&e={named[0]}"
    context = {
        "section": "runs",
        "sides": [
            {"run": run, "episode": episode, "letter": letter}
            for (run, episode), letter in zip(sides, "AB", strict=True)
        ],
        "same_task": sides[0][1].task_id == sides[1][1].task_id,
        "same_run": sides[0][0].pk == sides[1][0].pk,
        "parts": parts,
        "swapped": swapped,
        "data": {"sides": [_data(run, episode) for run, episode in sides], "parts": parts},
    }
    return render(request, "episodes/side_by_side.html", context)


def _side(request: PersonRequest, name: str) -> tuple[Run, Episode]:
    run_id, _, key = name.partition("/")
    run = run_visible_to(request.user, run_id) if "\x00" not in name else None
    episode = bare_episode_visible_to(request.user, run, key) if run is not None else None
    if run is None or episode is None:
        raise Http404("There is no such episode, or it belongs to a team that you are not in.")
    return run, episode


def _data(run: Run, episode: Episode) -> dict[str, Any]:
    return {
        "steps": steps_page(run, episode, 0),
        "total": steps_count(episode),
        "pages": reverse("episodes:steps", args=[run.pk, episode.key]),
        "final": final_of(run, episode),
        "ended": bool(episode.ended_by),
        "page": reverse("episodes:viewer", args=[run.pk, episode.key]),
    }
