"""The queue of the team that one looks at: its page, its table as a fragment, and the buttons that change its order."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team, team_or_404
from webapp.accounts.models import Team
from webapp.accounts.permissions import PermissionRefused
from webapp.counted import counted
from webapp.runs.access import NUL, run_visible_to, runs_visible_to
from webapp.runs.errors import RunRefused
from webapp.runs.queueing.page import queue_visible_to
from webapp.runs.services import set_priority
from webapp.runs.services.queueing import (
    MOST_AT_ONCE,
    STEPS,
    cancel_queued,
    move_before,
    move_step,
    pause_queue,
    queue_again,
    release_queue,
)

TABLE = "runs/parts/queue.html"
MOST_SEEN = 20_000
"""Letters of the list of ids that a page sends along: more runs than anybody orders by hand."""


@signed_in
def page(request: PersonRequest) -> HttpResponse:
    """The whole page."""
    team = current_team(request)
    if team is None:
        return render(request, "runs/no_team.html", {"section": "runs"})
    context = {"section": "runs", "tab": "queue", "queue": queue_visible_to(request.user, team)}
    return render(request, "runs/queue.html", context)


@signed_in
def table(request: PersonRequest) -> HttpResponse:
    """The table as it is now."""
    return _table(request, team_or_404(request))


@require_POST
@signed_in
def move(request: PersonRequest) -> HttpResponse:
    """Give a run another place: a step up or down, an end, or before another run."""
    team, words = team_or_404(request), request.POST
    seen = [word for word in words.get("seen", "")[:MOST_SEEN].split(",") if word]
    step, run_id, ip = words.get("step", ""), words.get("run", ""), request.META.get("REMOTE_ADDR")
    known = next((one for one in STEPS if one == step), None)

    def service() -> str:
        if known is not None:
            return move_step(team=team, actor=request.user, run_id=run_id, step=known, seen=seen, ip=ip)
        if "before" not in words:
            raise RunRefused(f"The way to move it is {step[:20]!r}; use one of {', '.join(STEPS)}.")
        before = words["before"]
        return move_before(team=team, actor=request.user, run_id=run_id, before=before, seen=seen, ip=ip)

    return _done(request, team, service)


@require_POST
@signed_in
def priority(request: PersonRequest) -> HttpResponse:
    """Give a run another priority among the runs of all teams."""
    team, word = team_or_404(request), request.POST.get("priority", "").strip()
    run = run_visible_to(request.user, request.POST.get("run", ""))
    if run is None or run.team_id != team.pk:
        raise Http404("There is no such run in the queue of this team.")

    def service() -> str:
        try:
            number = int(word)
        except ValueError:
            raise RunRefused(f"The priority is {word[:20]!r}; use a whole number from -100 to 100.") from None
        set_priority(run=run, actor=request.user, priority=number, ip=request.META.get("REMOTE_ADDR"))
        return f"{run.name} has priority {number} now."

    return _done(request, team, service)


@require_POST
@signed_in
def cancel(request: PersonRequest) -> HttpResponse:
    """Take the chosen runs out of the queue."""
    team = team_or_404(request)
    ids = [word for word in request.POST.getlist("run") if NUL not in word][: MOST_AT_ONCE + 1]
    runs = list(runs_visible_to(request.user).filter(team=team, pk__in=ids).select_related("team"))

    def service() -> str:
        if not runs:
            raise RunRefused("No run was chosen; tick those to take out of the queue.")
        done, refused = cancel_queued(runs=runs, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
        said = f"{counted(len(done), 'run')} taken out; Resume on a run's page queues it again."
        kept = "; ".join(f"{run.name}: {why}" for run, why in refused[:5])
        if not done:
            raise RunRefused(f"Nothing was taken out. {kept}")
        return f"{said} {len(refused)} not: {kept}" if refused else said

    answer = _done(request, team, service)
    if answer.status_code == 200:
        answer.headers["X-Undo"] = ",".join(run.pk for run in runs)
    return answer


@require_POST
@signed_in
def put_back(request: PersonRequest) -> HttpResponse:
    """Take a cancellation of a moment ago back."""
    team = team_or_404(request)
    ids = [word for word in request.POST.get("runs", "").split(",") if word and NUL not in word][:MOST_AT_ONCE]
    runs = list(runs_visible_to(request.user).filter(team=team, pk__in=ids))

    def service() -> str:
        back = queue_again(runs=runs, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
        if not back:
            raise RunRefused("Nothing was put back: it is too late for that, or it was done already.")
        return f"{counted(len(back), 'run')} put back."

    return _done(request, team, service)


@require_POST
@signed_in
def pause(request: PersonRequest) -> HttpResponse:
    """Start nothing of the team for a while."""
    team, reason, ip = (
        team_or_404(request),
        request.POST.get("reason", "").replace(NUL, ""),
        request.META.get("REMOTE_ADDR"),
    )
    return _done(request, team, lambda: pause_queue(team=team, actor=request.user, reason=reason, ip=ip))


@require_POST
@signed_in
def release(request: PersonRequest) -> HttpResponse:
    """Let the team's runs start again."""
    team, ip = team_or_404(request), request.META.get("REMOTE_ADDR")
    return _done(request, team, lambda: release_queue(team=team, actor=request.user, ip=ip))


def _done(request: PersonRequest, team: Team, service: Callable[[], str]) -> HttpResponse:
    """Ask the service; a page's script gets the table as it is now with the words, a plain form the page."""
    try:
        said, status = service(), 200
    except PermissionRefused as refusal:
        said, status = str(refusal), 403
    except RunRefused as refusal:
        said, status = str(refusal), 409
    if request.headers.get("HX-Request"):
        response = _table(request, team)
        response.status_code = status
        response.headers["X-Said"] = quote(said)
        response.headers["X-Refreshed"] = "1"
        return response
    if status == 200:
        messages.success(request, said)
        return redirect("runs:queue")
    messages.error(request, said)
    context = {"section": "runs", "tab": "queue", "queue": queue_visible_to(request.user, team)}
    return render(request, "runs/queue.html", context, status=status)


def _table(request: PersonRequest, team: Team) -> HttpResponse:
    return render(request, TABLE, {"queue": queue_visible_to(request.user, team)})
