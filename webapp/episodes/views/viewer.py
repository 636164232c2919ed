"""The episode viewer: every step with its screenshot, what the agent thought, did, and what came of it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.permissions import can_manage, can_run
from webapp.episodes.models import Episode, GroupMember
from webapp.episodes.selectors import (
    episode_visible_to,
    injections_by_source,
    others_like_visible_to,
    siblings_visible_to,
)
from webapp.episodes.step_data import final_of, notes_of, steps_count, steps_page, track_of
from webapp.episodes.words import ending_of, outcome_of
from webapp.runs.models import Run
from webapp.runs.views.detail import run_frame, visible_run


@signed_in
def viewer(request: PersonRequest, run_id: str, key: str) -> HttpResponse:
    """One episode. The step that is looked at stands behind the # of the address."""
    run = visible_run(request, run_id)
    episode = episode_visible_to(request.user, run, key)
    if episode is None:
        raise Http404("There is no such episode in this run.")
    steps = steps_page(run, episode, 0)
    members = siblings_visible_to(request.user, run, episode)
    others = [] if members else others_like_visible_to(request.user, run, episode)
    context = {
        **run_frame(request, run, "episodes"),
        "episode": episode,
        "sides": [{"run": run, "episode": episode}],
        "first": steps[0] if steps else None,
        "total": steps_count(episode),
        "track": track_of(episode),
        "members": members,
        "others": others if len(others) > 1 else [],
        "group": members[0].group if members else None,
        "own": next((member for member in members if member.episode_key == episode.key), None),
        "replayed_in": injections_by_source([episode]).get(episode.key, []),
        "replaced_in": list(episode.replaced_in.select_related("group", "source")),
        "retried_as": Episode.objects.filter(run=run, attempt=episode.attempt, retry_of=episode.key).first(),
        "ending": ending_of(episode),
        "kept_every": run.config.get("frames", {}).get("sample_every", 1),
        "may_note": can_run(request.user, run.team) and not run.is_example,
        "bare": request.GET.get("window") == "own",
        "data": _data(request, run, episode, steps, _neighbours(episode, members, others)),
    }
    return render(request, "episodes/viewer.html", context)


def _data(
    request: PersonRequest, run: Run, episode: Episode, steps: list[dict[str, Any]], siblings: list[str]
) -> dict[str, Any]:
    """Everything that the viewer's script begins with: the first page of steps, and where the others are."""
    place = siblings.index(episode.key) if episode.key in siblings else None
    return {
        "steps": steps,
        "total": steps_count(episode),
        "pages": reverse("episodes:steps", args=[run.pk, episode.key]),
        "final": final_of(run, episode),
        "notes": notes_of(episode),
        "note": reverse("episodes:note", args=[run.pk, episode.key]),
        "person": request.user.pk,
        "manages": can_manage(request.user, run.team),
        "before": _address(run, siblings[place - 1]) if place else None,
        "after": _address(run, siblings[place + 1]) if place is not None and place + 1 < len(siblings) else None,
        "ended": bool(episode.ended_by),
        "outcome": outcome_of(episode).word,
        "live": None if episode.ended_by else {"run": run.pk, "key": episode.key, "cursor": run.last_cursor},
    }


def _neighbours(episode: Episode, members: list[GroupMember], others: list[Episode]) -> list[str]:
    """Engine names of the episodes that shift and an arrow go through."""
    return [member.episode_key for member in members if member.episode_id] or [other.key for other in others]


def _address(run: Run, key: str) -> str:
    return reverse("episodes:viewer", args=[run.pk, key])
