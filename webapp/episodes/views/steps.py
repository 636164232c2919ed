"""Steps and notes of an episode for the viewer's script, and the episode as an archive to keep."""

from __future__ import annotations

from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.utils.text import get_valid_filename
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.permissions import PermissionRefused
from webapp.episodes.models import Episode
from webapp.episodes.selectors import bare_episode_visible_to, note_visible_to
from webapp.episodes.services.archive import archive_chunks
from webapp.episodes.services.notes import NoteRefused, add_note, remove_note
from webapp.episodes.step_data import PAGE_STEPS, notes_of, steps_count, steps_page
from webapp.episodes.views.numbers import number_of
from webapp.runs.models import Run
from webapp.runs.views.detail import visible_run


@signed_in
def page(request: PersonRequest, run_id: str, key: str) -> HttpResponse:
    """One page of steps, from the step `from` (0 is the first) on."""
    run, episode = _visible(request, run_id, key)
    start = number_of(request.GET.get("from", "0")) or 0
    start -= start % PAGE_STEPS
    data = {"from": start, "total": steps_count(episode), "steps": steps_page(run, episode, start)}
    return JsonResponse(data)


@require_POST
@signed_in
def note(request: PersonRequest, run_id: str, key: str) -> HttpResponse:
    """Write something at a step; the answer is all notes of the episode."""
    run, episode = _visible(request, run_id, key)
    words = request.POST
    try:
        add_note(
            run=run,
            episode=episode,
            author=request.user,
            index=number_of(words.get("index", "")),
            flagged=words.get("flagged", "") == "yes",
            label=words.get("label", ""),
            text=words.get("text", ""),
            ip=request.META.get("REMOTE_ADDR"),
        )
    except PermissionRefused as refusal:
        return JsonResponse({"refused": str(refusal)}, status=403)
    except NoteRefused as refusal:
        return JsonResponse({"refused": str(refusal)}, status=422)
    return JsonResponse({"notes": notes_of(episode)}, status=201)


@require_POST
@signed_in
def unnote(request: PersonRequest, run_id: str, key: str, note_id: int) -> HttpResponse:
    """Take a note away."""
    run, episode = _visible(request, run_id, key)
    found = note_visible_to(request.user, episode, note_id)
    if found is not None:
        try:
            remove_note(run=run, note=found, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
        except PermissionRefused as refusal:
            return JsonResponse({"refused": str(refusal)}, status=403)
    return JsonResponse({"notes": notes_of(episode)})


@signed_in
def archive(request: PersonRequest, run_id: str, key: str) -> StreamingHttpResponse:
    """The episode as a zip: its steps as JSON, its notes, and every screenshot that was kept."""
    run, episode = _visible(request, run_id, key)
    name = get_valid_filename(f"{run.pk}-{episode.key}.zip")
    response = StreamingHttpResponse(archive_chunks(run, episode), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _visible(request: PersonRequest, run_id: str, key: str) -> tuple[Run, Episode]:
    run = visible_run(request, run_id)
    episode = bare_episode_visible_to(request.user, run, key)
    if episode is None:
        raise Http404("There is no such episode in this run.")
    return run, episode
