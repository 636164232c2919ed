"""From chosen tasks of the matrix to the form of a new run that practises, or measures, these only."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from arpo_engine.contract.outcomes import Split
from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.permissions import can_run
from webapp.analysis.address import clean, query_of
from webapp.analysis.chosen import runs_named_visible_to
from webapp.analysis.models import TaskTally
from webapp.runs.models import Run, RunKind
from webapp.runs.views.task_list import MAX_TASKS, keep_tasks

PRACTISED = (Split.TRAIN.value, Split.VALIDATION_TRAIN.value, Split.SELECTION.value)
"""Splits whose tasks may be practised; held-out ones never are."""


@require_POST
@signed_in
def new_run_with(request: PersonRequest) -> HttpResponse:
    """Open the form with the chosen tasks, as a copy of the run that they were chosen from."""
    back = f"{reverse('analysis:matrix')}?{query_of(runs=clean(request.POST.get('back', '')))}"
    team = current_team(request)
    if team is None or not can_run(request.user, team):
        messages.error(request, "A viewer cannot start runs; ask an admin of the team for the role runner.")
        return redirect(back)
    tasks, run_id = _chosen(request)
    if not tasks:
        messages.error(request, "No task is chosen: tick rows of the matrix, or cells with the key x.")
        return redirect(back)
    if len(tasks) > MAX_TASKS:
        messages.error(request, f"{len(tasks)} tasks are chosen; a list holds {MAX_TASKS} or fewer.")
        return redirect(back)
    found = runs_named_visible_to(request.user, [run_id])
    if not found.runs:
        raise Http404("There is no such run, or it belongs to a team that you are not in.")
    run = found.runs[0]
    wanted = _practised(run, tasks) if run.kind == RunKind.TRAIN else tasks
    if not wanted:
        messages.error(request, f"None of these is a training task of {run.name}: what is held out is never practised.")
        return redirect(back)
    if len(wanted) < len(tasks):
        messages.warning(
            request,
            f"{len(tasks) - len(wanted)} of {len(tasks)} chosen tasks are no training tasks of {run.name} and were "
            "left out: what is held out is never practised.",
        )
    return redirect(f"{reverse('runs:new')}?{query_of(clone=run.pk, tasks=keep_tasks(request, wanted))}")


def _chosen(request: HttpRequest) -> tuple[list[str], str]:
    """The chosen tasks, each once, and the run that most of them were chosen from."""
    tasks = [clean(word) for word in request.POST.getlist("task")]
    cells = [clean(word).partition(" ") for word in request.POST.getlist("cell")]
    named = [run_id for run_id, _, _ in cells]
    run_id = max(named, key=named.count) if named else clean(request.POST.get("run", ""))
    every = [*tasks, *(task for _, _, task in cells)]
    return list(dict.fromkeys(task for task in every if task)), run_id


def _practised(run: Run, tasks: list[str]) -> list[str]:
    """Those among the tasks that the run may practise; ones that it never began are kept, its checks know better."""
    tallies = TaskTally.objects.filter(task__run=run, task__task_id__in=tasks)
    splits: dict[str, set[str]] = {}
    for task_id, split in tallies.values_list("task__task_id", "split").distinct():
        splits.setdefault(task_id, set()).add(split)
    return [task for task in tasks if task not in splits or splits[task] & set(PRACTISED)]
