"""Films and before-and-after as pages: who may ask and see, what is said while they are made, and bad input."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import Split
from tests.web.pages.factories import ACTIONS, TASKS, Engine, rich_run, titled_run
from webapp.accounts.models import AuditEntry, Team, User
from webapp.episodes.models import Episode, Frame
from webapp.films.models import Film, FilmState
from webapp.runs.models import Checkpoint, Run
from workers import films

TASK = next(iter(TASKS))


def ask(client: Client, run: Run, *keys: str, kind: str = "webp") -> Film:
    answer = client.post("/films/new/", {"e": [f"{run.pk}/{key}" for key in keys], "kind": kind})
    assert answer.status_code == 302, answer.content.decode()
    return Film.objects.get(pk=int(answer["Location"].rstrip("/").rpartition("/")[2]))


def text(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def test_two_episodes_become_a_film_from_their_page(as_viewer: Client, rich: Run) -> None:
    pair = f"/side-by-side/?e={rich.pk}/a1-s1-g0-r0&e={rich.pk}/a1-s1-g0-r1"
    assert 'action="/films/new/"' in text(as_viewer, pair) and "MP4" in text(as_viewer, pair)
    film = ask(as_viewer, rich, "a1-s1-g0-r0", "a1-s1-g0-r1")
    assert "Waiting for a worker" in text(as_viewer, f"/films/{film.pk}/")
    Film.objects.update(drawn=3, pictures=9, state=FilmState.DRAWING)
    assert "Drawing 3 of 9 pictures" in text(as_viewer, f"/films/{film.pk}/state/")
    films.draw(str(film.pk))
    page = text(as_viewer, f"/films/{film.pk}/state/")
    assert f'src="/films/{film.pk}/file/"' in page and "every step" in page and "Kept until" in page
    file = as_viewer.get(f"/films/{film.pk}/file/")
    assert (file["Content-Type"], file["Content-Disposition"][:6]) == ("image/webp", "inline")
    assert file.content[:4] == b"RIFF" and file["X-Content-Type-Options"] == "nosniff"
    assert as_viewer.get(f"/films/{film.pk}/file/?download")["Content-Disposition"].startswith("attachment")


def test_one_episode_is_asked_for_from_the_viewer(as_runner: Client, rich: Run) -> None:
    assert 'action="/films/new/"' in text(as_runner, f"/runs/{rich.pk}/episodes/a1-s1-g0-r0/")
    assert 'action="/films/new/"' not in text(as_runner, f"/runs/{rich.pk}/episodes/a1-now/"), "it is under way"
    assert ask(as_runner, rich, "a1-s1-g0-r0", kind="mp4").right is None
    both = ask(as_runner, rich, "a1-s1-g0-r1", "a1-s1-g0-r1")
    assert both.right is None, "an episode beside itself is one episode"


def test_a_player_may_ask_for_a_part(as_runner: Client, rich: Run) -> None:
    film = ask(as_runner, rich, "a1-s1-g0-r0")
    films.draw(str(film.pk))
    address = f"/films/{film.pk}/file/"
    whole = as_runner.get(address)
    size = len(whole.content)
    assert whole["Accept-Ranges"] == "bytes"
    first = as_runner.get(address, headers={"Range": "bytes=0-9"})
    assert (first.status_code, first["Content-Range"]) == (206, f"bytes 0-9/{size}")
    assert first.content == whole.content[:10]
    assert as_runner.get(address, headers={"Range": "bytes=-5"}).content == whole.content[-5:]
    assert as_runner.get(address, headers={"Range": f"bytes=10-{size * 9}"}).content == whole.content[10:]
    assert as_runner.get(address, headers={"Range": f"bytes={size}-"}).status_code == 416
    for odd in ("bytes=5-2", "bytes=-0"):
        assert as_runner.get(address, headers={"Range": odd}).status_code == 416
    for odd in ("bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5"):
        assert as_runner.get(address, headers={"Range": odd}).status_code == 200


def test_a_film_of_another_team_is_not_there(as_runner: Client, as_stranger: Client, rich: Run) -> None:
    film = ask(as_runner, rich, "a1-s1-g0-r0")
    films.draw(str(film.pk))
    for part in ("", "state/", "file/"):
        assert as_stranger.get(f"/films/{film.pk}/{part}").status_code == 404
    asked = as_stranger.post("/films/new/", {"e": f"{rich.pk}/a1-s1-g0-r0", "kind": "webp"})
    assert asked.status_code == 404 and Film.objects.count() == 1
    assert AuditEntry.objects.filter(action="film.asked").count() == 1


def test_whoever_sees_only_one_of_the_runs_does_not_see_the_film(
    as_runner: Client, as_stranger: Client, rich: Run, stranger: User
) -> None:
    Run.objects.filter(pk=rich.pk).update(is_example=True)
    theirs, _ = rich_run(stranger, stranger.memberships.get().team, "Theirs", steps=1)
    named = [f"{rich.pk}/a1-s1-g0-r0", f"{theirs.pk}/a1-s1-g0-r0"]
    answer = as_stranger.post("/films/new/", {"e": named, "kind": "webp"})
    assert as_stranger.get(answer["Location"]).status_code == 200
    assert as_runner.get(answer["Location"]).status_code == 404


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({}, 422),
        ({"e": "x/y", "kind": "exe"}, 422),
        ({"e": ["a/b", "a/b", "a/b"], "kind": "webp"}, 422),
        ({"e": "nothing", "kind": "webp"}, 404),
        ({"e": "\x00/\x00", "kind": "webp"}, 404),
        ({"e": "<b>/" + "x" * 5000, "kind": "webp"}, 404),
    ],
)
def test_bad_words_get_a_clear_answer(
    as_runner: Client, rich: Run, words: dict[str, str | list[str]], status: int
) -> None:
    assert as_runner.post("/films/new/", words).status_code == status
    assert not Film.objects.exists()


def test_a_film_is_asked_for_by_post_and_with_the_pages_own_token(runner: User, rich: Run) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(runner)
    assert client.get("/films/new/").status_code == 405
    assert client.post("/films/new/", {"e": f"{rich.pk}/a1-s1-g0-r0", "kind": "webp"}).status_code == 403


def test_a_refused_film_says_why(as_runner: Client, rich: Run) -> None:
    answer = as_runner.post("/films/new/", {"e": f"{rich.pk}/a1-now", "kind": "webp"})
    assert answer.status_code == 409 and "is under way" in answer.content.decode()


def test_a_film_that_failed_says_why_and_can_be_asked_for_again(as_runner: Client, rich: Run) -> None:
    film = ask(as_runner, rich, "a1-s1-g0-r0")
    Film.objects.update(state=FilmState.FAILED, message="<b>the disk</b> is full")
    page = as_runner.get(f"/films/{film.pk}/").content.decode()
    assert "&lt;b&gt;the disk" in page and "Try again" in page
    assert ask(as_runner, rich, "a1-s1-g0-r0") != film
    assert as_runner.get(f"/films/{film.pk}/file/").status_code == 404


def test_a_thinned_film_and_one_with_gaps_say_so(as_runner: Client, rich: Run) -> None:
    film = ask(as_runner, rich, "a1-s1-g0-r0")
    step = Episode.objects.get(run=rich, key="a1-s1-g0-r0").steps.all()[0]
    Frame.objects.filter(run=rich, sha256=step.frame).delete()
    films.draw(str(film.pk))
    film.refresh_from_db()
    assert "screenshot was not kept; a grey card stands in its place" in text(as_runner, f"/films/{film.pk}/")
    Film.objects.update(facts={**film.facts, "every": 2, "steps": 200, "unknown_letters": 4})
    page = text(as_runner, f"/films/{film.pk}/")
    assert "Thinned: of 200 steps" in page and "4 different letters are drawn as an empty box" in page


# Before and after


@pytest.fixture
def trained(runner: User, team: Team) -> Run:
    """Failed at step 1, solved at step 5, a checkpoint at step 5 and one at step 9."""
    run = titled_run(runner, team, "Trained")
    engine = Engine(run)
    engine.start()
    engine.group(1, 0, TASK, [0.0, 0.0, 1.0, 0.0])
    engine.episode("v5", TASK, 5, 1.0, split=Split.HELD_OUT)
    engine.episode("t5", TASK, 5, 0.0)
    for step in (5, 9):
        engine.note(wire.CheckpointSaved(step=step, path=f"c/{step}", bytes=10, export_path=f"x/{step}"))
    engine.deliver()
    return run


def page_of(client: Client, run: Run, **words: object) -> str:
    query = "&".join(f"{name}={value}" for name, value in {"run": run.pk, "task": TASK, **words}.items())
    return text(client, f"/before-and-after/?{query}")


def test_the_first_try_at_the_first_and_the_last_step_are_laid_side_by_side(as_runner: Client, trained: Run) -> None:
    page = page_of(as_runner, trained)
    assert f"/side-by-side/?e={trained.pk}%2Fa1-s1-g0-r0&e={trained.pk}%2Fv5" in page, "measured before trained on"
    assert "25.0 % (1/4)" in page and "100.0 % (1/1)" in page and page.count("exact") == 2
    assert "not the best one" in page


def test_what_is_near_is_said_to_be_near_and_can_be_measured(as_runner: Client, trained: Run) -> None:
    page = page_of(as_runner, trained, step=1, until=9)
    assert "Nothing was recorded at step 9; this is step 5, 4 steps before it." in " ".join(
        page.replace("<b>", "").replace("</b>", "").split()
    )
    saved = Checkpoint.objects.get(run=trained, step=9)
    assert f"/runs/new/?evaluate={saved.pk}&tasks={TASK}&frames=all" in page
    form = text(as_runner, f"/runs/new/?evaluate={saved.pk}&tasks={TASK}&frames=all")
    assert TASK in form and "Evaluate Trained, step 9" in form


def test_an_evaluation_of_a_checkpoint_is_found_with_its_step(as_runner: Client, trained: Run, runner: User) -> None:
    measured = titled_run(runner, trained.team, "Measured", kind="evaluate")
    saved = Checkpoint.objects.get(run=trained, step=9)
    Run.objects.filter(pk=measured.pk).update(from_checkpoint=saved)
    engine = Engine(measured)
    engine.start()
    engine.episode("e1", TASK, 0, 1.0, split=Split.EVALUATION)
    engine.deliver()
    page = page_of(as_runner, trained, until=9)
    assert f"e={measured.pk}%2Fe1" in page and "Measured" in page
    alone = page_of(as_runner, trained, other=measured.pk, until=9)
    assert f"e={measured.pk}%2Fe1" in alone


def test_a_task_that_was_never_tried_offers_two_evaluations(as_runner: Client, trained: Run) -> None:
    page = page_of(as_runner, trained, task="never-tried", step=5, until=9)
    assert page.count("This task was never tried") == 2 and "Side by side" not in page
    for step in (5, 9):
        assert f"evaluate={Checkpoint.objects.get(run=trained, step=step).pk}&tasks=never-tried" in page


def test_who_may_only_look_is_offered_no_evaluation(as_viewer: Client, trained: Run) -> None:
    assert "evaluate=" not in page_of(as_viewer, trained, task="never-tried")


def test_both_sides_alike_is_said(as_runner: Client, trained: Run) -> None:
    page = page_of(as_runner, trained, step=5, until=5)
    assert "Both sides are the same episode" in page and "/side-by-side/" not in page


def test_without_a_task_the_last_solved_one_is_taken(as_runner: Client, trained: Run) -> None:
    assert f"<option selected>{TASK}</option>" in text(as_runner, f"/before-and-after/?run={trained.pk}")


def test_a_run_without_episodes_says_so(as_runner: Client, runner: User, team: Team) -> None:
    empty = titled_run(runner, team, "Empty")
    page = text(as_runner, f"/before-and-after/?run={empty.pk}")
    assert page.count("This run has tried no task yet.") == 2


def test_of_another_team_nothing_is_told(as_stranger: Client, trained: Run, stranger: User) -> None:
    assert as_stranger.get(f"/before-and-after/?run={trained.pk}").status_code == 404
    theirs, _ = rich_run(stranger, stranger.memberships.get().team, "Theirs", steps=1)
    assert as_stranger.get(f"/before-and-after/?run={theirs.pk}&other={trained.pk}").status_code == 404


@pytest.mark.parametrize(
    "words", [{"step": "-1"}, {"step": "9" * 40, "until": "x"}, {"task": "%00%3Cscript%3E"}, {"task": "x" * 3000}]
)
def test_odd_words_in_the_address_break_nothing(as_runner: Client, trained: Run, words: dict[str, str]) -> None:
    assert "<script>" not in as_runner.get(
        f"/before-and-after/?run={trained.pk}&" + "&".join(f"{name}={word}" for name, word in words.items())
    ).content.decode().replace("<script ", "")


def test_it_is_reached_from_artifacts_the_viewer_and_a_tasks_history(as_runner: Client, rich: Run) -> None:
    for page in (f"/runs/{rich.pk}/artifacts/", f"/runs/{rich.pk}/episodes/a1-s1-g0-r0/"):
        assert f"/before-and-after/?run={rich.pk}" in text(as_runner, page)
    history = text(as_runner, f"/tasks/history/?runs={rich.pk}&task={TASK}")
    assert f"/before-and-after/?run={rich.pk}&task={TASK}" in history


def test_every_step_of_the_example_is_drawn(rich: Run, as_runner: Client) -> None:
    film = ask(as_runner, rich, "a1-s1-g0-r1", kind="mp4")
    films.draw(str(film.pk))
    film.refresh_from_db()
    assert film.facts["pictures"] == len(ACTIONS) + 1
    assert as_runner.get(f"/films/{film.pk}/file/").content[4:8] == b"ftyp"
