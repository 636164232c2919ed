"""Asking for a film, seeing how far it is, watching it and taking it along."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import get_valid_filename
from django.views.decorators.http import require_POST, require_safe

from arpo_engine.filming.kinds import FilmKind
from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.episodes.models import Episode
from webapp.episodes.selectors import bare_episode_visible_to
from webapp.films.models import Film, FilmState
from webapp.films.reels import who_of
from webapp.films.selectors import film_visible_to
from webapp.films.services import FilmRefused, film_path, request_film
from webapp.films.views.ranges import part_of
from webapp.runs.access import NUL, run_visible_to

MEDIA = {FilmKind.WEBP: "image/webp", FilmKind.MP4: "video/mp4"}


@require_POST
@signed_in
def make(request: PersonRequest) -> HttpResponse:
    """Have a film made of the episodes that `e=RUN/KEY` names, once or twice."""
    named, kind = request.POST.getlist("e"), request.POST.get("kind", "")
    if not 1 <= len(named) <= 2 or kind not in list(FilmKind):
        why = f"A film is made of one episode or two, as webp or mp4; {len(named)} episodes and {kind[:20]!r} came."
        return render(request, "films/refused.html", {"section": "runs", "why": why}, status=422)
    episodes = list(dict.fromkeys(_episode(request, name) for name in named))
    try:
        ip = request.META.get("REMOTE_ADDR")
        film = request_film(actor=request.user, episodes=episodes, kind=FilmKind(kind), ip=ip)
    except FilmRefused as refusal:
        return render(request, "films/refused.html", {"section": "runs", "why": str(refusal)}, status=409)
    return redirect("films:film", film.pk)


@require_safe
@signed_in
def page(request: PersonRequest, film_id: int) -> HttpResponse:
    """A film: how far it is, or the film itself."""
    return render(request, "films/film.html", _told(_film(request, film_id)))


@require_safe
@signed_in
def state(request: PersonRequest, film_id: int) -> HttpResponse:
    """The same as the part of the page that asks for itself again."""
    return render(request, "films/parts/film.html", _told(_film(request, film_id)))


@require_safe
@signed_in
def file(request: PersonRequest, film_id: int) -> HttpResponse:
    """The file itself, or the part of it that a player asks for."""
    film = _film(request, film_id)
    try:
        data = film_path(film).read_bytes() if film.state == FilmState.DONE else None
    except FileNotFoundError:
        data = None
    if data is None:
        raise Http404("This film has no file (any more); ask for it again.")
    response = part_of(data, request.headers.get("Range", ""))
    response["Content-Type"] = MEDIA[FilmKind(film.kind)]
    response["Cache-Control"] = "private, max-age=3600"
    response["X-Content-Type-Options"] = "nosniff"
    way = "attachment" if "download" in request.GET else "inline"
    response["Content-Disposition"] = f'{way}; filename="{_file_name(film)}"'
    return response


def _told(film: Film) -> dict[str, object]:
    sides = [film.left] if film.right is None else [film.left, film.right]
    return {
        "section": "runs",
        "film": film,
        "sides": [{"episode": one, "run": one.run, "who": who_of(one.run, one)} for one in sides],
        "share": round(100 * film.drawn / film.pictures) if film.pictures else 0,
    }


def _file_name(film: Film) -> str:
    sides = [film.left] if film.right is None else [film.left, film.right]
    return get_valid_filename("-".join(f"{one.run_id}-{one.key}" for one in sides) + f".{film.kind}")


def _film(request: PersonRequest, film_id: int) -> Film:
    film = film_visible_to(request.user, film_id) if film_id < 2**63 else None
    if film is None:
        raise Http404("There is no such film: it expired, or it is of a run that you cannot see.")
    return film


def _episode(request: PersonRequest, name: str) -> Episode:
    run_id, _, key = name.partition("/")
    run = run_visible_to(request.user, run_id) if NUL not in name else None
    episode = bare_episode_visible_to(request.user, run, key) if run is not None else None
    if episode is None:
        raise Http404("There is no such episode, or it belongs to a team that you are not in.")
    return episode
