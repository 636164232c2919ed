"""Buttons of a run: stop, keep running, force, pause, resume, archive, rename. Each is a POST to one service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.models import User
from webapp.accounts.permissions import PermissionRefused
from webapp.runs import services
from webapp.runs.errors import RunRefused
from webapp.runs.models import Run
from webapp.runs.services.control import undo_stop
from webapp.runs.views.detail import head_response, visible_run


class Control(Protocol):
    """A service that does something to a run and says in a sentence what happens next."""

    def __call__(self, *, run: Run, actor: User, ip: str | None = None) -> str | None:
        """Do it."""


def _button(service: Control) -> Callable[..., HttpResponse]:
    """A view that asks the service; a page's script gets the run's head as it is now, a plain form the page."""

    @require_POST
    @signed_in
    def view(request: PersonRequest, run_id: str) -> HttpResponse:
        run = visible_run(request, run_id)
        try:
            said = service(run=run, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
        except PermissionRefused as refusal:
            return _answer(request, run, str(refusal), status=403)
        except RunRefused as refusal:
            return _answer(request, run, str(refusal), status=409)
        return _answer(request, run, said or "", status=200)

    return view  # type: ignore[return-value]


def _answer(request: PersonRequest, run: Run, said: str, status: int) -> HttpResponse:
    if request.headers.get("HX-Request") or request.headers.get("X-Requested-With") == "fetch":
        run.refresh_from_db()
        response = head_response(request, run)
        response.status_code = status
        response.headers["X-Said"] = quote(said)
        return response
    if said:
        (messages.success if status == 200 else messages.error)(request, said)
    return redirect("runs:detail", run.pk)


stop = _button(services.request_stop)
keep_running = _button(undo_stop)
force = _button(services.force_stop)
pause = _button(services.pause_run)
resume = _button(services.resume_run)
archive = _button(services.archive_run)
unarchive = _button(services.unarchive_run)


@require_POST
@signed_in
def edit(request: PersonRequest, run_id: str) -> HttpResponse:
    """Another name, other tags, another note."""
    run = visible_run(request, run_id)
    ip = request.META.get("REMOTE_ADDR")
    try:
        if request.POST.get("name", run.name) != run.name:
            services.rename_run(run=run, actor=request.user, name=request.POST["name"], ip=ip)
        if "tags" in request.POST:
            services.tag_run(run=run, actor=request.user, tags=request.POST["tags"].split(","), ip=ip)
        if request.POST.get("note", run.note) != run.note:
            services.note_run(run=run, actor=request.user, note=request.POST["note"], ip=ip)
    except (PermissionRefused, RunRefused) as refusal:
        return _answer(request, run, str(refusal), status=403 if isinstance(refusal, PermissionRefused) else 409)
    return _answer(request, run, "Saved.", status=200)
