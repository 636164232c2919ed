"""Notes at a step: who may write, who may take away, what is refused, and that it is all audited."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from arpo_engine.contract import events as wire
from tests.web.builders import episode, make_person, make_run, make_team
from webapp.accounts.models import AuditEntry, Role, Team, User
from webapp.api.ingest import ingest
from webapp.episodes.models import StepNote
from webapp.episodes.services.notes import MOST_NOTES
from webapp.runs.models import Run, RunAttempt

pytestmark = pytest.mark.django_db


def as_person(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def noted(run: Run, engine: tuple[RunAttempt, str]) -> Run:
    """A run with the episode `e1` of two steps."""
    lines = [
        wire.Envelope(attempt=1, seq=seq, at="2026-01-02T03:04:05Z", event=event)  # type: ignore[arg-type]
        for seq, event in enumerate(episode("e1"), start=1)
    ]
    ingest(engine[0], lines)
    return run


def write(person: User, run: Run, **words: Any) -> Any:
    told = {"index": "1", "text": "It missed the button", **words}
    return as_person(person).post(f"/runs/{run.pk}/episodes/e1/notes/", told)


def test_a_runner_flags_labels_and_comments_and_everybody_reads_it(noted: Run, runner: User, viewer: User) -> None:
    answer = write(runner, noted, flagged="yes", label=" wrong click ")
    assert answer.status_code == 201
    (note,) = answer.json()["notes"]
    assert (note["index"], note["flagged"], note["label"]) == (1, True, "wrong click")
    assert note["text"] == "It missed the button" and note["by"] == "ruth"
    page = as_person(viewer).get(f"/runs/{noted.pk}/episodes/e1/").content.decode()
    assert "It missed the button" in page and 'id="note-form"' not in page
    entry = AuditEntry.objects.get(action="episode.note")
    assert (entry.actor, entry.team, entry.data) == (runner, noted.team, {"run": noted.pk, "episode": "e1", "step": 2})
    listed = as_person(viewer).get(f"/runs/{noted.pk}/episodes/?mark=noted").content.decode()
    assert f"/runs/{noted.pk}/episodes/e1/" in listed


def test_a_viewer_and_a_stranger_write_nothing(noted: Run, viewer: User, stranger: User) -> None:
    refused = write(viewer, noted)
    assert refused.status_code == 403 and "role runner" in refused.json()["refused"]
    assert write(stranger, noted).status_code == 404
    assert Client().post(f"/runs/{noted.pk}/episodes/e1/notes/", {"index": "0", "text": "x"}).status_code == 302
    assert as_person(viewer).get(f"/runs/{noted.pk}/episodes/e1/notes/").status_code == 405
    assert not StepNote.objects.exists()


def test_a_request_from_another_site_is_refused(noted: Run, runner: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(runner)
    assert browser.post(f"/runs/{noted.pk}/episodes/e1/notes/", {"index": "0", "text": "x"}).status_code == 403


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"index": "3"}, "has 2 steps"),
        ({"index": "-1"}, "has 2 steps"),
        ({"index": "9" * 40}, "has 2 steps"),
        ({"index": "one"}, "has 2 steps"),
        ({"text": "  "}, "is empty"),
        ({"text": "a" * 2001}, "at most 40 and 2000"),
        ({"label": "a" * 41}, "at most 40 and 2000"),
    ],
)
def test_bad_notes_are_refused_in_words(noted: Run, runner: User, words: dict[str, str], why: str) -> None:
    answer = write(runner, noted, **words)
    assert answer.status_code == 422
    assert why in answer.json()["refused"]
    assert not StepNote.objects.exists()


def test_hostile_text_is_kept_as_text(noted: Run, runner: User) -> None:
    bad = "</script><script>alert(1)</script>\x00"
    assert write(runner, noted, text=bad, label="<b>").status_code == 201
    page = as_person(runner).get(f"/runs/{noted.pk}/episodes/e1/").content.decode()
    assert "<script>alert(1)" not in page
    assert StepNote.objects.get().text == "</script><script>alert(1)</script>\ufffd"


def test_an_author_takes_a_note_away_and_a_maintainer_anybodys(noted: Run, runner: User, team: Team) -> None:
    other, chief = make_person("otto", team, Role.RUNNER), make_person("mia", team, Role.MAINTAINER)
    for _ in range(2):
        write(runner, noted)
    first, second = StepNote.objects.values_list("pk", flat=True)
    address = f"/runs/{noted.pk}/episodes/e1/notes/{first}/remove/"
    refused = as_person(other).post(address)
    assert refused.status_code == 403 and "role maintainer" in refused.json()["refused"]
    assert len(as_person(runner).post(address).json()["notes"]) == 1
    assert as_person(runner).post(address).status_code == 200  # gone already: that is what was wanted
    assert as_person(chief).post(f"/runs/{noted.pk}/episodes/e1/notes/{second}/remove/").json()["notes"] == []
    assert AuditEntry.objects.filter(action="episode.unnote").count() == 2


def test_a_note_of_another_team_is_out_of_reach(noted: Run, runner: User) -> None:
    write(runner, noted)
    blues, chief = make_team("Greens")
    theirs = make_run(chief, blues)
    note = StepNote.objects.get()
    assert as_person(chief).post(f"/runs/{theirs.pk}/episodes/e1/notes/{note.pk}/remove/").status_code == 404
    assert StepNote.objects.filter(pk=note.pk).exists()


def test_an_example_takes_no_notes(noted: Run, runner: User) -> None:
    Run.objects.filter(pk=noted.pk).update(is_example=True)
    assert "recorded example" in write(runner, noted).json()["refused"]


def test_notes_of_an_episode_are_bounded(noted: Run, runner: User) -> None:
    row = noted.episodes.get()
    StepNote.objects.bulk_create(StepNote(episode=row, index=0, text="x") for _ in range(MOST_NOTES))
    assert "which is the most" in write(runner, noted).json()["refused"]
