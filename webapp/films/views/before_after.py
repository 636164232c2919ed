"""One task before and after: which episodes there are of it at two steps, or how to get some. All of it is in the
address."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.permissions import can_run
from webapp.films.choosing import (
    Spot,
    Taken,
    checkpoint_near,
    likely_task,
    runs_offered,
    spots_of,
    taken_at,
    tasks_tried,
)
from webapp.runs.access import NUL, run_visible_to
from webapp.runs.models import Checkpoint, Run
from webapp.runs.rates import Rate
from webapp.runs.views.task_list import keep_tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class SidePage:
    """One side of the page."""

    name: str
    """`before` or `after`, as in the address."""
    run: Run
    asked: int
    steps: tuple[int, ...]
    """Steps at which the task was tried."""
    taken: Taken | None
    rate: Rate | None
    checkpoint: Checkpoint | None
    """What could be measured for it."""
    evaluate: str
    """The form that measures it, filled; empty where nothing can be, or not by this person."""


@require_safe
@signed_in
def choose(request: PersonRequest) -> HttpResponse:
    """Two sides of one task: `run` and `step` before, `other` (the same, if none) and `until` after."""
    words = request.GET
    run = _run(request, words.get("run", ""))
    other = _run(request, words["other"]) if words.get("other") else run
    task_id = words.get("task", "").replace(NUL, "")[:200] or likely_task(request.user, run)
    first = spots_of(request.user, run, task_id)
    second = first if other.pk == run.pk else spots_of(request.user, other, task_id)
    asked = _asked(words.get("step", ""), first, last=False), _asked(words.get("until", ""), second, last=True)
    sides = (
        _side(request, "before", run, task_id, first, asked[0]),
        _side(request, "after", other, task_id, second, asked[1]),
    )
    taken = [side.taken for side in sides if side.taken is not None]
    pair = urlencode([("e", f"{one.spot.run_id}/{one.episode.key}") for one in taken])
    context = {
        "section": "runs",
        "run": run,
        "other": other,
        "offered": runs_offered(request.user, run),
        "tasks": sorted({*tasks_tried(request.user, run), *tasks_tried(request.user, other)}),
        "task_id": task_id,
        "sides": sides,
        "pair": f"{reverse('episodes:side_by_side')}?{pair}" if len(taken) == 2 else "",
        "same": len(taken) == 2 and taken[0].episode.pk == taken[1].episode.pk,
    }
    return render(request, "films/before_after.html", context)


def _side(request: PersonRequest, name: str, run: Run, task_id: str, spots: list[Spot], asked: int) -> SidePage:
    taken = taken_at(spots, task_id, asked)
    checkpoint = checkpoint_near(request.user, run, asked)
    spot = taken.spot if taken else None
    evaluate = ""
    if checkpoint is not None and task_id and not run.is_example and can_run(request.user, run.team):
        chosen = {"evaluate": checkpoint.pk, "tasks": keep_tasks(request, [task_id]), "frames": "all"}
        evaluate = f"{reverse('runs:new')}?{urlencode(chosen)}"
    return SidePage(
        name=name,
        run=run,
        asked=asked,
        steps=tuple(sorted({one.step for one in spots})),
        taken=taken,
        rate=Rate(successes=spot.solved, attempts=spot.tries) if spot else None,
        checkpoint=checkpoint,
        evaluate=evaluate,
    )


def _asked(word: str, spots: list[Spot], *, last: bool) -> int:
    """The step that was asked for; the first or the last one with screenshots where none was."""
    if word.isascii() and word.isdigit() and len(word) < 10:
        return int(word)
    steps = [spot.step for spot in spots if spot.seen] or [spot.step for spot in spots] or [0]
    return max(steps) if last else min(steps)


def _run(request: PersonRequest, run_id: str) -> Run:
    run = run_visible_to(request.user, run_id)
    if run is None:
        raise Http404("Name a run that you can see: before-and-after/?run=RUN.")
    return run
