"""The replay inspector: what is remembered of which task, what it did, and which tasks were never solved."""

from __future__ import annotations

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.episodes.memory import (
    STATES,
    entries_page_visible_to,
    history_visible_to,
    returns_of_visible_to,
    tasks_visible_to,
)
from webapp.episodes.memory_figures import MEMORY_CHARTS, draw
from webapp.episodes.selectors import replay_visible_to
from webapp.episodes.views.numbers import number_of
from webapp.runs.models import Run, RunKind
from webapp.runs.rates import Rate
from webapp.runs.views.detail import run_frame, visible_run

RESCUES = 12


@signed_in
def inspector(request: PersonRequest, run_id: str) -> HttpResponse:
    """Numbers, charts, every task, every success; what the list is narrowed to is in the address."""
    run = _training(request, run_id)
    words = request.GET
    task = words.get("task", "").strip().replace("\x00", "")[:200]
    state = words.get("state", "") if words.get("state", "") in STATES else ""
    after = number_of(words.get("after", "")) or 0
    history = history_visible_to(request.user, run)
    tasks = tasks_visible_to(request.user, run)
    page = entries_page_visible_to(request.user, run, task, state, after)
    returns = returns_of_visible_to(request.user, run, page.entries)
    context = {
        **run_frame(request, run, "replay"),
        "enabled": replay_enabled(run),
        "replay": replay_visible_to(request.user, run, RESCUES),
        "history": history,
        "admitted": len(history.stays),
        "evicted": sum(stay.evicted is not None for stay in history.stays),
        "hits": Rate(successes=history.rescued.total(), attempts=history.hopeless.total()),
        "charts": MEMORY_CHARTS.items(),
        "tasks": tasks,
        "never": [one for one in tasks if not one.successes],
        "capacity": run.config.get("algorithm", {}).get("replay", {}).get("capacity_per_task"),
        "entries": [(entry, returns.get(entry.episode_key, [])) for entry in page.entries],
        "after": page.after,
        "first_page": not after,
        "task": task,
        "state": state,
        "states": list(STATES),
    }
    return render(request, "episodes/replay.html", context)


@signed_in
def figure(request: PersonRequest, run_id: str) -> HttpResponse:
    """One figure of the inspector as plotly reads it, with its table and a note."""
    run = _training(request, run_id)
    chart = MEMORY_CHARTS.get(request.GET.get("chart", ""))
    if chart is None:
        raise Http404("There is no such chart.")
    history = history_visible_to(request.user, run, with_groups=chart.of_groups)
    return JsonResponse(draw(chart, history).as_data())


def replay_enabled(run: Run) -> bool:
    """Whether the run's config has replay, and has it on."""
    algorithm = run.config.get("algorithm", {})
    return algorithm.get("kind") == "arpo" and bool(algorithm.get("replay", {}).get("enabled"))


def _training(request: PersonRequest, run_id: str) -> Run:
    run = visible_run(request, run_id)
    if run.kind != RunKind.TRAIN:
        raise Http404("Only a training has replay, and this run is an evaluation.")
    return run
