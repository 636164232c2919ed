"""Groups: the list of a step or of all, and the page of one, with its tries side by side."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render

from arpo_engine.contract.outcomes import is_solved
from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.episodes.group_list import (
    KINDS,
    GroupFilters,
    group_visible_to,
    groups_page_visible_to,
    neighbours_visible_to,
)
from webapp.episodes.group_view import ALIGNS, MOST_ROWS, ROWS_AT_ONCE, Board, board, steps_of, verdict_of
from webapp.episodes.models import Group
from webapp.episodes.pictures import WHY_NOT, pictures_of
from webapp.episodes.selectors import lost_of_group_visible_to
from webapp.episodes.views.numbers import number_of
from webapp.runs.rates import Faults, Rate
from webapp.runs.views.detail import run_frame, visible_run

COMPARE_SIBLINGS = ("grpo", "dr_grpo", "rloo")
"""Estimators (`algorithm.estimator`) that give equal rewards of a group exactly no advantage."""


@signed_in
def group_list(request: PersonRequest, run_id: str) -> HttpResponse:
    """The groups of one training step, or those of all steps that fit what is asked for."""
    run = visible_run(request, run_id)
    words = request.GET
    filters = GroupFilters(
        step=number_of(words.get("step", "")),
        kind=words.get("kind", "") if words.get("kind", "") in KINDS else "",
        task=words.get("task", "").strip().replace("\x00", "")[:200],
    )
    start = number_of(words.get("after", "")) or 0
    page = groups_page_visible_to(request.user, run, filters, start)
    frame = run_frame(request, run, "groups")
    context = {
        **frame,
        "filters": filters,
        "page": page,
        "first_page": not start,
        "kinds": [(word, words) for word, (words, _) in KINDS.items()],
        "groups": [_line(group, frame["counting"]) for group in page.groups],
    }
    return render(request, "episodes/groups.html", context)


@signed_in
def group_page(request: PersonRequest, run_id: str, group_key: str) -> HttpResponse:
    """One group; how it is aligned, with what it is compared and how many rows are shown is in the address."""
    run = visible_run(request, run_id)
    group = group_visible_to(request.user, run, group_key, number_of(request.GET.get("attempt", "")))
    if group is None:
        raise Http404("There is no such group in this run.")
    words = request.GET.get("align", "")
    align = next((one for one in ALIGNS if one == words), ALIGNS[0])
    most = min(MOST_ROWS, max(ROWS_AT_ONCE, number_of(request.GET.get("rows", "")) or 0))
    reference = request.GET.get("reference", "")
    steps = steps_of([member.episode for member in group.members.all() if member.episode])
    pictures = pictures_of(run, {step.frame for own in steps.values() for step in own})
    siblings = run.config.get("algorithm", {}).get("estimator", "grpo") in COMPARE_SIBLINGS
    shown = board(group, steps, pictures, align, reference, most, siblings)
    frame = run_frame(request, run, "groups")
    context = {
        **frame,
        **_told_of(group, shown),
        "group": group,
        "board": shown,
        "kept_every": run.config.get("frames", {}).get("sample_every", 1),
        "align": align,
        "asked_reference": reference,
        "more": min(most + ROWS_AT_ONCE, MOST_ROWS) if shown.all_rows > len(shown.rows) and most < MOST_ROWS else 0,
        "rate": Rate(
            successes=shown.solved, attempts=shown.scored, faults=group.faults, counting=Faults(frame["counting"])
        ),
        "neighbours": neighbours_visible_to(request.user, run, group),
        "lost": lost_of_group_visible_to(request.user, run, group),
        "why_not": {state.value: words for state, words in WHY_NOT.items()},
    }
    return render(request, "episodes/group.html", context)


def _told_of(group: Group, shown: Board) -> dict[str, Any]:
    """What the head says of the task: from any of its tries, as all have the same."""
    tries = sorted((bool(one.injection), place) for place, one in enumerate(shown.columns) if one.episode)
    told = shown.columns[tries[0][1]].episode if tries else None
    return {
        "instruction": told.instruction if told else "",
        "evaluator": told.evaluator if told else "",
        "infeasible": bool(told and told.infeasible),
    }


def _line(group: Group, counting: Faults) -> dict[str, Any]:
    """A group in the list, with what its page says in full."""
    sources = {one.source_key for one in group.injections.all()}
    fresh = [member for member in group.members.all() if member.episode_key not in sources]
    scores = [member.episode.score for member in fresh if member.episode and member.episode.score is not None]
    solved = sum(map(is_solved, scores))
    return {
        "group": group,
        "verdict": verdict_of(group, scores),
        "rate": Rate(successes=solved, attempts=len(scores), faults=group.faults, counting=counting),
    }
