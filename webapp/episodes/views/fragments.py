"""Parts of the run page that show what the agents do: the wall, replay, the latest episodes."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.episodes.selectors import latest_episodes_visible_to, replay_visible_to, wall_visible_to
from webapp.episodes.views.memory import replay_enabled
from webapp.runs.views.detail import visible_run


@signed_in
def wall(request: PersonRequest, run_id: str) -> HttpResponse:
    """The desktops as they were last seen; from here on the page's own script keeps them up to date."""
    run = visible_run(request, run_id)
    return render(request, "episodes/parts/wall.html", {"run": run, "tiles": wall_visible_to(request.user, run)})


@signed_in
def replay(request: PersonRequest, run_id: str) -> HttpResponse:
    """What replay remembers and whom it rescued."""
    run = visible_run(request, run_id)
    context = {"run": run, "replay": replay_visible_to(request.user, run), "enabled": replay_enabled(run)}
    return render(request, "episodes/parts/replay.html", context)


@signed_in
def latest(request: PersonRequest, run_id: str) -> HttpResponse:
    """The episodes that ended last."""
    run = visible_run(request, run_id)
    context = {"run": run, "episodes": latest_episodes_visible_to(request.user, run)}
    return render(request, "episodes/parts/table.html", context)
