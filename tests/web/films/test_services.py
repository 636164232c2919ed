"""Films asked for, drawn by a worker, kept and deleted; and what becomes of workers that die over them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from PIL import Image

from arpo_engine.filming.kinds import FilmKind
from tests.web.builders import make_person
from tests.web.pages.factories import ACTIONS, Engine, rich_run, titled_run
from webapp.accounts.models import AuditEntry, Role, Team, User
from webapp.episodes.models import Episode, Frame
from webapp.films import services
from webapp.films.models import Film, FilmState
from webapp.films.reels import reel_of
from webapp.films.services import FilmRefused, film_path, request_film
from webapp.runs.models import Run
from workers import films, housekeeping

pytestmark = pytest.mark.django_db


@pytest.fixture
def rich(runner: User, team: Team) -> Run:
    return rich_run(runner, team)[0]


def episode(run: Run, key: str = "a1-s1-g0-r0") -> Episode:
    return Episode.objects.get(run=run, key=key)


def asked(run: Run, actor: User, *keys: str, kind: FilmKind = FilmKind.WEBP) -> Film:
    episodes = [episode(run, key) for key in keys or ("a1-s1-g0-r0", "a1-s1-g0-r1")]
    return request_film(actor=actor, episodes=episodes, kind=kind)


def test_a_film_is_asked_for_drawn_and_there(rich: Run, runner: User) -> None:
    film = asked(rich, runner)
    assert (film.state, AuditEntry.objects.get(action="film.asked").actor) == (FilmState.WAITING, runner)
    films.draw(str(film.pk))
    film.refresh_from_db()
    assert film.state == FilmState.DONE and film.drawn == film.pictures == len(ACTIONS) + 1
    with Image.open(film_path(film)) as picture:
        assert getattr(picture, "n_frames", 1) == len(ACTIONS) + 1
        assert picture.width == film.facts["width"] <= 1920
    assert film_path(film).stat().st_size == film.facts["size"]
    assert [path.name for path in film_path(film).parent.iterdir()] == [f"{film.pk}.webp"], "nothing half-written stays"


def test_it_is_made_once_for_everybody(rich: Run, runner: User, viewer: User) -> None:
    film = asked(rich, runner)
    assert asked(rich, viewer) == film
    films.draw(str(film.pk))
    before = film_path(film).stat().st_mtime_ns
    films.draw(str(film.pk))
    assert film_path(film).stat().st_mtime_ns == before, "a word that comes twice draws it once"
    assert asked(rich, viewer) == film and asked(rich, viewer, "a1-s1-g0-r0") != film


def test_one_person_has_three_at_a_time(rich: Run, runner: User, viewer: User) -> None:
    for key in ("a1-s1-g0-r0", "a1-s1-g0-r1", "a1-s1-g0-r2"):
        asked(rich, runner, key)
    with pytest.raises(FilmRefused, match="3 films of yours are being made"):
        asked(rich, runner, "a1-s1-g0-r3")
    assert asked(rich, viewer, "a1-s1-g0-r3")


def test_an_episode_under_way_or_without_steps_has_no_film(rich: Run, runner: User) -> None:
    with pytest.raises(FilmRefused, match="is under way"):
        asked(rich, runner, "a1-now")
    episode(rich).steps.all().delete()
    with pytest.raises(FilmRefused, match="ended before its first step"):
        asked(rich, runner, "a1-s1-g0-r0")


def test_nobody_has_a_film_of_another_teams_run(rich: Run, stranger: User) -> None:
    with pytest.raises(FilmRefused, match="no such episode that you can see"):
        asked(rich, stranger)


def test_the_reel_says_who_what_and_how_it_went(rich: Run, runner: User) -> None:
    reel = reel_of(episode(rich), episode(rich, "a1-s1-g0-r1"))
    left, right = reel.sides
    assert (left.who, left.outcome, left.score, right.outcome) == ("First steps, step 1", "not solved", 0.0, "solved")
    assert reel.instruction == "Switch the dark mode on in Settings"
    assert [shot.did for shot in left.shots][:2] == ["click 40, 60", "double click 120, 84"]
    assert left.shots[6].action is None and left.shots[6].thought == "the reply has no Action line"
    assert left.final.picture() is not None


def test_of_two_tasks_both_are_told(rich: Run) -> None:
    other = Episode.objects.filter(run=rich).exclude(task_id=episode(rich).task_id).exclude(ended_by="")[0]
    assert reel_of(episode(rich), other).instruction == f"{episode(rich).instruction} / {other.instruction}"


def test_a_thinned_screenshot_and_an_action_of_a_newer_engine_are_told_in_words(rich: Run) -> None:
    step = episode(rich).steps.all()[0]
    Frame.objects.filter(run=rich, sha256=step.frame).delete()
    episode(rich).steps.filter(index=0).update(action={"kind": "pinch", "x": 3})
    shot = reel_of(episode(rich), None).sides[0].shots[0]
    assert shot.picture() is None and "retention thinned" in shot.missing
    assert (shot.action, shot.did) == (None, "pinch")


def test_hostile_words_of_a_model_are_drawn_and_nothing_else(runner: User, team: Team) -> None:
    run = titled_run(runner, team, "Odd <b>name</b>")
    engine = Engine(run)
    engine.start()
    engine.episode("e1", "<img src=x onerror=alert(1)>\u202e", 1, 1.0)
    engine.deliver()
    episode(run, "e1").steps.update(thought="{{ 7*7 }}'; DROP TABLE films;-- \U0001f600" * 500)
    film = asked(run, runner, "e1")
    films.draw(str(film.pk))
    film.refresh_from_db()
    assert film.state == FilmState.DONE


def test_a_worker_that_dies_twice_over_a_film_is_told(rich: Run, runner: User) -> None:
    film = asked(rich, runner)
    assert services.take_up(str(film.pk)) and services.take_up(str(film.pk))
    assert services.take_up(str(film.pk)) is None
    film.refresh_from_db()
    assert film.state == FilmState.FAILED and "Two workers ended" in film.message
    assert asked(rich, runner) != film, "and it can be asked for again"


def test_a_film_that_nobody_draws_is_ended_with_a_reason(rich: Run, runner: User) -> None:
    film = asked(rich, runner)
    services.close_forgotten()
    film.refresh_from_db()
    assert not film.has_ended
    Film.objects.update(touched_at=timezone.now() - timedelta(minutes=11))
    services.close_forgotten()
    film.refresh_from_db()
    assert film.state == FilmState.FAILED and "No worker has drawn it" in film.message


def test_a_disk_that_takes_no_file_is_told(rich: Run, runner: User) -> None:
    film = asked(rich, runner)
    film_path(film).parent.parent.mkdir(parents=True, exist_ok=True)
    film_path(film).parent.write_bytes(b"in the way")
    films.draw(str(film.pk))
    film.refresh_from_db()
    assert film.state == FilmState.FAILED and film.message.startswith("It cannot be written:")


def test_old_films_go_and_so_do_files_of_none(rich: Run, runner: User) -> None:
    old, new = asked(rich, runner, "a1-s1-g0-r0"), asked(rich, runner, "a1-s1-g0-r1")
    for film in (old, new):
        films.draw(str(film.pk))
    stray = film_path(old).with_name("999999.webp")
    stray.write_bytes(b"x")
    Film.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    housekeeping.tidy_up()
    assert not film_path(old).exists() and not stray.exists() and film_path(new).exists()
    assert list(Film.objects.all()) == [new]


def test_a_run_that_is_deleted_takes_its_films_along(rich: Run, runner: User) -> None:
    film = asked(rich, runner)
    films.draw(str(film.pk))
    path: Path = film_path(film)
    Episode.objects.filter(run=rich).delete()
    services.delete_expired()
    assert not Film.objects.exists() and not path.exists()


def test_somebody_who_left_stops_no_film(rich: Run, team: Team) -> None:
    guest = make_person("gus", team, Role.VIEWER)
    film = asked(rich, guest)
    guest.delete()
    films.draw(str(film.pk))
    film.refresh_from_db()
    assert (film.state, film.maker) == (FilmState.DONE, None)
