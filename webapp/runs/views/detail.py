"""The run page: head, timeline, log, config. What the agents did, and the charts, are parts of other apps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.models import Role, Team
from webapp.accounts.permissions import can_manage, can_run, role_of
from webapp.runs.access import run_visible_to
from webapp.runs.config_tree import as_yaml, differences
from webapp.runs.counting import counting_of, rates_of
from webapp.runs.lineage import lineage_visible_to
from webapp.runs.measurements import measurements_visible_to
from webapp.runs.models import Run, RunStatus
from webapp.runs.presets import find_preset
from webapp.runs.selection import selection_visible_to
from webapp.runs.selectors import (
    attempts_visible_to,
    checkpoints_visible_to,
    host_visible_to,
    log_visible_to,
    timeline_visible_to,
)

LOG_LEVELS = ("debug", "info", "warning", "error")


@signed_in
def overview(request: PersonRequest, run_id: str) -> HttpResponse:
    """Everything at a glance: the desktops, the charts, replay, the timeline."""
    run = visible_run(request, run_id)
    context = {
        **run_frame(request, run, "overview"),
        "timeline": timeline_visible_to(request.user, run),
        "host": host_visible_to(request.user, run),
        "measurements": measurements_visible_to(request.user, run),
        "selection": selection_visible_to(request.user, run),
    }
    return render(request, "runs/overview.html", context)


@signed_in
def head(request: PersonRequest, run_id: str) -> HttpResponse:
    """The band on top, as it is now."""
    return head_response(request, visible_run(request, run_id))


@signed_in
def timeline(request: PersonRequest, run_id: str) -> HttpResponse:
    """The timeline, as it is now."""
    run = visible_run(request, run_id)
    context = {
        "run": run,
        "timeline": timeline_visible_to(request.user, run),
        "host": host_visible_to(request.user, run),
    }
    return render(request, "runs/parts/timeline.html", context)


@signed_in
def measurements(request: PersonRequest, run_id: str) -> HttpResponse:
    """What was measured last, with intervals."""
    run = visible_run(request, run_id)
    found = measurements_visible_to(request.user, run)
    context = {"run": run, "measurements": found, "counting": counting_of(request)}
    return render(request, "runs/parts/measurements.html", context)


@signed_in
def selection(request: PersonRequest, run_id: str) -> HttpResponse:
    """Which tasks are practised and why, or how far that choice has come."""
    run = visible_run(request, run_id)
    context = {"run": run, "selection": selection_visible_to(request.user, run)}
    return render(request, "runs/parts/selection.html", context)


@signed_in
def log(request: PersonRequest, run_id: str) -> HttpResponse:
    """The log's tail, narrowed by level and words."""
    run = visible_run(request, run_id)
    level = request.GET.get("level", "")
    level = level if level in LOG_LEVELS else ""
    search = request.GET.get("q", "").strip()[:200]
    context = {
        **run_frame(request, run, "log"),
        "lines": log_visible_to(request.user, run, level, search),
        "level": level,
        "levels": LOG_LEVELS,
        "search": search,
    }
    return render(request, "runs/log.html", context)


@signed_in
def config(request: PersonRequest, run_id: str) -> HttpResponse:
    """The config with its difference from the preset, what the run's numbers depend on, and its checkpoints."""
    run = visible_run(request, run_id)
    preset = find_preset(run.preset) if run.preset else None
    base = preset.tree() if preset else {}
    frame = run_frame(request, run, "config")
    context = {
        **frame,
        "preset": preset,
        "differences": differences(base, run.config) if base else [],
        "yaml": as_yaml(run.config),
        "attempts": attempts_visible_to(request.user, run),
        "checkpoints": checkpoints_visible_to(request.user, run),
        "lineage": lineage_visible_to(request.user, run, frame["counting"]),
    }
    return render(request, "runs/config.html", context)


def head_response(request: PersonRequest, run: Run) -> HttpResponse:
    """The head as a fragment."""
    return render(request, "runs/parts/head.html", run_frame(request, run, ""))


def run_frame(request: PersonRequest, run: Run, tab: str) -> dict[str, Any]:
    """What every page of a run needs: the run, what this person may do to it now, which tab is open."""
    counting = counting_of(request)
    return {
        "section": "runs",
        "run": run,
        "tab": tab,
        "may": _rights(request, run.team, run),
        "parent": run_visible_to(request.user, run.parent_id) if run.parent_id else None,
        "evaluable": run.checkpoints.exclude(export_path="").order_by("-best", "-step").first(),
        "attempt_number": run.attempts.count(),
        "ends_at": _ends_at(run),
        "counting": counting,
        "rates": rates_of(run, counting),
    }


def _ends_at(run: Run) -> datetime | None:
    """When the engine expects to be done; the page counts down to it."""
    if run.eta_s is None or run.progress_at is None or run.has_ended:
        return None
    return run.progress_at + timedelta(seconds=run.eta_s)


def _rights(request: PersonRequest, team: Team, run: Run) -> dict[str, bool]:
    """Which buttons are shown. The services ask again: this only keeps refusals from being offered."""
    role = role_of(request.user, team)
    home = current_team(request)
    least = Role.RUNNER if run.owner_id == request.user.pk else Role.MAINTAINER
    control = role is not None and role.rank >= least.rank and not run.is_example
    stoppable = (RunStatus.QUEUED, RunStatus.PREPARING, RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.LOST)
    resumable = (RunStatus.PAUSED, RunStatus.STOPPED, RunStatus.FAILED, RunStatus.LOST)
    return {
        "stop": control and run.status in stoppable,
        "force": control and (run.status == RunStatus.STOPPING or run.is_active),
        "pause": control and run.status in (RunStatus.PREPARING, RunStatus.RUNNING) and run.directive == "run",
        "resume": control and run.status in resumable,
        "archive": control and run.has_ended and run.archived_at is None,
        "unarchive": control and run.archived_at is not None,
        "edit": control,
        "clone": home is not None and can_run(request.user, home),
        "save_preset": home is not None and can_manage(request.user, home),
    }


def visible_run(request: PersonRequest, run_id: str) -> Run:
    """The run of the address, for somebody who may see it."""
    run = run_visible_to(request.user, run_id)
    if run is None:
        raise Http404("There is no such run, or it belongs to a team that you are not in.")
    return run
