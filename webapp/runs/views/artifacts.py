"""The page of what a run left behind, and the downloads from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.permissions import PermissionRefused, can_run
from webapp.runs.artifacts import artifacts_visible_to, files_visible_to
from webapp.runs.errors import RunRefused
from webapp.runs.runfolder import run_dir
from webapp.runs.selectors import checkpoint_visible_to
from webapp.runs.services.downloads import Download, open_checkpoint, open_file
from webapp.runs.views.detail import run_frame, visible_run


@require_safe
@signed_in
def page(request: PersonRequest, run_id: str) -> HttpResponse:
    """Checkpoints with what was measured at them, and the files of the run folder."""
    run = visible_run(request, run_id)
    frame = run_frame(request, run, "artifacts")
    context = {
        **frame,
        "artifacts": artifacts_visible_to(request.user, run, frame["counting"]),
        "files": files_visible_to(request.user, run),
        "folder": run_dir(run.pk),
        "may_take": can_run(request.user, run.team),
    }
    return render(request, "runs/artifacts.html", context)


@require_safe
@signed_in
def file(request: PersonRequest, run_id: str, name: str) -> HttpResponseBase:
    """One file of the run folder."""
    run = visible_run(request, run_id)
    try:
        return _stream(open_file(run=run, actor=request.user, name=name, ip=request.META.get("REMOTE_ADDR")))
    except RunRefused as refusal:
        raise Http404(str(refusal)) from refusal


@require_safe
@signed_in
def checkpoint(request: PersonRequest, run_id: str, checkpoint_id: int, what: str) -> HttpResponseBase:
    """A checkpoint (`whole`) or its exported weights (`export`) as a tar."""
    run = visible_run(request, run_id)
    row = checkpoint_visible_to(request.user, checkpoint_id)
    if row is None or row.run_id != run.pk or what not in ("whole", "export"):
        raise Http404("There is no such checkpoint.")
    try:
        ip = request.META.get("REMOTE_ADDR")
        return _stream(open_checkpoint(checkpoint=row, actor=request.user, exported=what == "export", ip=ip))
    except PermissionRefused as refusal:
        return render(request, "403.html", {"exception": str(refusal)}, status=403)
    except RunRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("runs:artifacts", run.pk)


def _stream(download: Download) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_in_threads(download.pieces), content_type="application/octet-stream")
    response["Content-Length"] = str(download.size)
    response["Content-Disposition"] = f'attachment; filename="{_plain(download.name)}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read in a thread while others are served: a checkpoint is larger than the memory that the server may use."""
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in name)
