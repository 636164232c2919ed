"""Films asked for, made and deleted. They are always drawn by a worker: drawing is seconds of heavy work, and its code
a hundred megabytes, neither of which the server of pages has to spare."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from arpo_engine.filming.kinds import FilmKind
from arpo_engine.filming.making import FilmFacts
from webapp.accounts.models import User
from webapp.accounts.services import record
from webapp.episodes.models import Episode, Step
from webapp.episodes.services.frames import MIN_FREE_BYTES
from webapp.films.models import Film, FilmState
from webapp.runs.access import run_visible_to
from webapp.runs.queue import DRAW_FILM, enqueue

KEPT_FOR: Final = timedelta(days=7)
AT_ONCE: Final = 3
"""Films of one person that wait or are drawn at a time."""
MOST_BEGUN: Final = 2
FORGOTTEN_AFTER: Final = timedelta(minutes=10)
TOLD_EVERY: Final = timedelta(seconds=0.5)

log = logging.getLogger(__name__)


class FilmRefused(Exception):
    """A film is not made; the text says why and what to do."""


def film_path(film: Film) -> Path:
    """Where its file lies."""
    return _folder() / f"{film.pk}.{film.kind}"


@transaction.atomic
def request_film(*, actor: User, episodes: Sequence[Episode], kind: FilmKind, ip: str | None = None) -> Film:
    """Have a film made of one episode or two; one that is there already is answered as it is.

    Raises:
        FilmRefused: there is nothing to draw (yet), too much waits already, or the disk is full.
    """
    left, right = episodes[0], episodes[1] if len(episodes) > 1 else None
    for episode in episodes:
        _require_whole(actor, episode)
    # One question of the same person at a time, so that a double click makes one film.
    User.objects.select_for_update().get(pk=actor.pk)
    if (there := _film_of(left, right, kind)) is not None:
        return there
    waiting = Film.objects.filter(maker=actor, state__in=(FilmState.WAITING, FilmState.DRAWING)).count()
    if waiting >= AT_ONCE:
        raise FilmRefused(f"{waiting} films of yours are being made; ask again when one of them is done.")
    if shutil.disk_usage(settings.DATA_DIR).free < MIN_FREE_BYTES:
        raise FilmRefused("The console's disk is almost full, so no film is made; free some space first.")
    film = Film.objects.create(maker=actor, left=left, right=right, kind=kind, expires_at=timezone.now() + KEPT_FOR)
    told = [f"{one.run_id}/{one.key}" for one in episodes]
    record(action="film.asked", subject=film, actor=actor, team=left.run.team, ip=ip, episodes=told, kind=kind.value)
    enqueue(DRAW_FILM, str(film.pk))
    return film


def take_up(film_id: str) -> Film | None:
    """A worker begins with a film; None for one that is done, gone, or ended two workers."""
    with transaction.atomic():
        film = Film.objects.select_for_update().filter(pk=film_id).first()
        if film is None or film.has_ended:
            return None
        film.state, film.touched_at = FilmState.DRAWING, timezone.now()
        film.begun_times += 1
        film.save(update_fields=["state", "touched_at", "begun_times"])
    if film.begun_times > MOST_BEGUN:
        give_up(film, "Two workers ended while they drew it; ask again when the console has more memory to spare.")
        return None
    rows = Film.objects.select_related("left__run__from_checkpoint", "right__run__from_checkpoint")
    return rows.get(pk=film.pk)


def teller(film: Film) -> Callable[[int, int], None]:
    """What writes down how far a film is, at most twice a second."""
    last = film.touched_at

    def tell(drawn: int, pictures: int) -> None:
        nonlocal last
        now = timezone.now()
        if now - last >= TOLD_EVERY or drawn == pictures:
            last = now
            Film.objects.filter(pk=film.pk).update(drawn=drawn, pictures=pictures, touched_at=now)

    return tell


def conclude(film: Film, facts: FilmFacts) -> None:
    """The file is there."""
    film.state, film.facts, film.touched_at = FilmState.DONE, asdict(facts), timezone.now()
    film.expires_at = film.touched_at + KEPT_FOR
    film.save(update_fields=["state", "facts", "touched_at", "expires_at"])


def give_up(film: Film, message: str) -> None:
    """It could not be made."""
    film.state, film.message, film.touched_at = FilmState.FAILED, message, timezone.now()
    film.save(update_fields=["state", "message", "touched_at"])


def close_forgotten() -> None:
    """End those of which nothing was heard for long: a worker died over them, or the word to draw them was lost."""
    before = timezone.now() - FORGOTTEN_AFTER
    for film in Film.objects.filter(state__in=(FilmState.WAITING, FilmState.DRAWING), touched_at__lt=before):
        give_up(film, "No worker has drawn it for ten minutes; ask for it again, and look whether the workers are up.")


def delete_expired() -> int:
    """Delete films whose time is over, and files that belong to none any more; how many files went."""
    Film.objects.filter(expires_at__lte=timezone.now()).delete()
    # Files before rows: one that is drawn meanwhile has its row already.
    files = list(_folder().iterdir()) if _folder().is_dir() else []
    kept = {str(pk) for pk in Film.objects.values_list("pk", flat=True)}
    gone = [path for path in files if path.name.partition(".")[0] not in kept]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def _film_of(left: Episode, right: Episode | None, kind: FilmKind) -> Film | None:
    """The film of these that is there, or is being made; one that could not be made is none."""
    kept = Film.objects.filter(expires_at__gt=timezone.now()).exclude(state=FilmState.FAILED)
    return kept.filter(left=left, right=right, kind=kind).order_by("-pk").first()


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "films"


def _require_whole(actor: User, episode: Episode) -> None:
    if run_visible_to(actor, episode.run_id) is None:
        raise FilmRefused("There is no such episode that you can see; check the address.")
    if not episode.ended_by:
        raise FilmRefused(f"The episode {episode.key} is under way; ask for its film when it has ended.")
    if not Step.objects.filter(episode=episode).exists():
        raise FilmRefused(f"The episode {episode.key} ended before its first step, so there is nothing to draw.")
