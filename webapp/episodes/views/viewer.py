"""The episode viewer: every step with its screenshot, what the agent thought, did, and what came of it."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.episodes.models import Episode, Frame, GroupMember, Step
from webapp.episodes.selectors import (
    episode_visible_to,
    injections_by_source,
    others_like_visible_to,
    siblings_visible_to,
)
from webapp.episodes.words import action_icon, action_words, ending_of
from webapp.runs.models import Run
from webapp.runs.views.detail import run_frame, visible_run


@signed_in
def viewer(request: PersonRequest, run_id: str, key: str) -> HttpResponse:
    """One episode. The step that is looked at stands behind the # of the address."""
    run = visible_run(request, run_id)
    episode = episode_visible_to(request.user, run, key)
    if episode is None:
        raise Http404("There is no such episode in this run.")
    steps = list(episode.steps.all())
    members = siblings_visible_to(request.user, run, episode)
    others = [] if members else others_like_visible_to(request.user, run, episode)
    context = {
        **run_frame(request, run, "episodes"),
        "episode": episode,
        "steps": steps,
        "members": members,
        "others": others if len(others) > 1 else [],
        "group": members[0].group if members else None,
        "own": next((member for member in members if member.episode_key == episode.key), None),
        "replayed_in": injections_by_source([episode]).get(episode.key, []),
        "replaced_in": list(episode.replaced_in.select_related("group", "source")),
        "retried_as": Episode.objects.filter(run=run, attempt=episode.attempt, retry_of=episode.key).first(),
        "ending": ending_of(episode),
        "kept_every": run.config.get("frames", {}).get("sample_every", 1),
        "data": _data(run, episode, steps, _neighbours(episode, members, others)),
    }
    return render(request, "episodes/viewer.html", context)


def _data(run: Run, episode: Episode, steps: list[Step], siblings: list[str]) -> dict[str, Any]:
    """Everything that the viewer's script needs, once."""
    place = siblings.index(episode.key) if episode.key in siblings else None
    return {
        "steps": [_step_data(run, step) for step in steps],
        "final": _final_data(run, episode),
        "before": _address(run, siblings[place - 1]) if place else None,
        "after": _address(run, siblings[place + 1]) if place is not None and place + 1 < len(siblings) else None,
        "ended": bool(episode.ended_by),
        "live": None if episode.ended_by else {"run": run.pk, "key": episode.key, "cursor": run.last_cursor},
    }


def _step_data(run: Run, step: Step) -> dict[str, Any]:
    return {
        "index": step.index,
        "frame": reverse("frame", args=[run.pk, step.frame]) if step.frame else None,
        "width": step.frame_width,
        "height": step.frame_height,
        "thought": step.thought,
        "action": step.action,
        "words": action_words(step.action),
        "icon": action_icon(step.action),
        "raw": step.raw_text,
        "problem": step.problem,
        "tokens": step.tokens,
        "logprob": step.mean_logprob,
        "version": step.weight_version,
        "generate_s": step.generate_s,
        "act_s": step.act_s,
    }


def _final_data(run: Run, episode: Episode) -> dict[str, Any] | None:
    """The desktop as it was scored, shown after the last step."""
    if not episode.final_frame:
        return None
    frame = Frame.objects.filter(run=run, sha256=episode.final_frame).first()
    return {
        "frame": reverse("frame", args=[run.pk, episode.final_frame]),
        "width": frame.width if frame else 0,
        "height": frame.height if frame else 0,
    }


def _neighbours(episode: Episode, members: list[GroupMember], others: list[Episode]) -> list[str]:
    """Engine names of the episodes that shift and an arrow go through."""
    return [member.episode_key for member in members if member.episode_id] or [other.key for other in others]


def _address(run: Run, key: str) -> str:
    return reverse("episodes:viewer", args=[run.pk, key])
