"""The lists of a run's episodes and of its groups, step by step."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from arpo_engine.contract.outcomes import Split
from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.episodes.selectors import (
    MARKS,
    MEASURED,
    OUTCOMES,
    EpisodeFilters,
    episodes_page_visible_to,
    group_step_visible_to,
    groups_visible_to,
)
from webapp.runs.views.detail import run_frame, visible_run


@signed_in
def episode_list(request: PersonRequest, run_id: str) -> HttpResponse:
    """The run's episodes; everything about the view of them is in the address."""
    run = visible_run(request, run_id)
    words = request.GET
    filters = EpisodeFilters(
        task=words.get("task", "").strip()[:200],
        task_id=words.get("task_id", "").strip()[:200],
        outcome=words.get("outcome", ""),
        split=words.get("split", ""),
        mark=words.get("mark", ""),
        step=_number(words.get("step", "")),
        until=_number(words.get("until", "")),
    )
    after = _number(words.get("after", "")) or 0
    context = {
        **run_frame(request, run, "episodes"),
        "filters": filters,
        "page": episodes_page_visible_to(request.user, run, filters, after),
        "first_page": not after,
        "outcomes": [(word, word.replace("-", " ")) for word in OUTCOMES],
        "marks": [(word, "with screenshots" if word == "seen" else word) for word in MARKS],
        "splits": [(MEASURED, "measured, all"), *((split.value, split.value.replace("_", " ")) for split in Split)],
    }
    return render(request, "episodes/list.html", context)


@signed_in
def group_list(request: PersonRequest, run_id: str) -> HttpResponse:
    """The groups of one training step, side by side with their advantages."""
    run = visible_run(request, run_id)
    step, before, after = group_step_visible_to(request.user, run, _number(request.GET.get("step", "")))
    context = {
        **run_frame(request, run, "groups"),
        "step": step,
        "before": before,
        "after": after,
        "groups": groups_visible_to(request.user, run, step) if step is not None else [],
    }
    return render(request, "episodes/groups.html", context)


def _number(word: str) -> int | None:
    """A number of an address; anything else is as good as none."""
    return int(word) if word.isascii() and word.isdigit() and len(word) < 10 else None
