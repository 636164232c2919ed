"""Draws a film that somebody asked for. The file appears whole or not at all."""

from __future__ import annotations

import logging
from contextlib import suppress

from arpo_engine.filming.kinds import FilmKind
from arpo_engine.filming.making import make_film
from webapp.films import services
from webapp.films.reels import reel_of

log = logging.getLogger(__name__)


def draw(film_id: str) -> None:
    """Make the film; one that is made already is left as it is."""
    film = services.take_up(film_id)
    if film is None:
        return
    target = services.film_path(film)
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        facts = make_film(reel_of(film.left, film.right), part, FilmKind(film.kind), progress=services.teller(film))
        part.replace(target)
    except OSError as error:
        log.warning("a film cannot be written", extra={"film": film.pk, "error": str(error)})
        services.give_up(film, f"It cannot be written: {error.strerror or error}; free disk space on the console.")
        return
    finally:
        with suppress(OSError):
            part.unlink()
    services.conclude(film, facts)
