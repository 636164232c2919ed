"""Screenshots: taken when they are what they say, shown to the team, cached for good, refused to everybody else."""

from __future__ import annotations

import hashlib
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.test import Client

from arpo_engine.contract.framepack import MOST_BYTES, pack
from tests.web.builders import envelopes, episode, frame_of, picture, started
from webapp.accounts.models import Team, User
from webapp.accounts.services import create_api_token, create_team
from webapp.episodes.models import Frame
from webapp.episodes.services.frames import frame_name
from webapp.runs.models import Run, RunAttempt

pytestmark = pytest.mark.django_db

PICTURE = picture(7)
SHA = frame_of(PICTURE).sha256


@pytest.fixture
def named(post: Any, run: Run) -> str:
    """The address of a frame that an event named."""
    post(envelopes([started(), *episode("e1", frame=frame_of(PICTURE))]))
    return f"/api/v1/runs/{run.pk}/frames/{SHA}"


def put(client: Client, url: str, engine: tuple[RunAttempt, str], data: bytes = PICTURE) -> HttpResponse:
    return client.put(url, data, content_type="image/webp", headers={"Authorization": f"Bearer {engine[1]}"})


def test_a_frame_is_kept_and_shown_to_the_team(
    client: Client, named: str, engine: tuple[RunAttempt, str], viewer: User, run: Run
) -> None:
    assert put(client, named, engine).status_code == 201
    client.force_login(viewer)
    answer = client.get(named)
    assert answer.content == PICTURE
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["Cache-Control"] == "private, immutable, max-age=31536000"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(named, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    run.refresh_from_db()
    assert run.frames_bytes == len(PICTURE)


def test_a_frame_that_comes_twice_is_kept_once(
    client: Client, named: str, engine: tuple[RunAttempt, str], run: Run
) -> None:
    put(client, named, engine)
    assert put(client, named, engine).status_code == 200
    run.refresh_from_db()
    assert run.frames_bytes == len(PICTURE)


def test_a_frame_is_hidden_from_strangers_and_from_nobody_in_particular(
    client: Client, named: str, engine: tuple[RunAttempt, str], stranger: User
) -> None:
    put(client, named, engine)
    assert client.get(named).status_code == 404
    client.force_login(stranger)
    etag = client.get(named, headers={"If-None-Match": f'"{SHA}"'})
    assert etag.status_code == 404


def test_a_frame_of_one_run_is_not_reached_through_another(
    client: Client, named: str, engine: tuple[RunAttempt, str], viewer: User, runner: User, team: Team
) -> None:
    from tests.web.builders import make_run

    put(client, named, engine)
    client.force_login(viewer)
    other = make_run(runner, team)
    assert client.get(f"/api/v1/runs/{other.pk}/frames/{SHA}").status_code == 404


def test_a_torn_file_of_a_crash_is_replaced(
    client: Client, named: str, engine: tuple[RunAttempt, str], run: Run, viewer: User
) -> None:
    from django.core.files.base import ContentFile

    default_storage.save(frame_name(run.pk, SHA), ContentFile(PICTURE[:5]))
    assert put(client, named, engine).status_code == 201
    client.force_login(viewer)
    assert client.get(named).content == PICTURE


@pytest.mark.parametrize(
    ("data", "status", "word"),
    [
        (b"GIF89a no picture of ours", 415, "neither WebP"),
        (picture(8), 422, "hash to"),
        (b"RIFF....WEBP" + b"x" * (2 * 1024 * 1024), 413, "lower frames.quality"),
    ],
)
def test_what_is_not_the_named_picture_is_refused(
    client: Client, named: str, engine: tuple[RunAttempt, str], data: bytes, status: int, word: str
) -> None:
    answer = put(client, named, engine, data)
    assert answer.status_code == status
    assert word in answer.json()["detail"]
    assert Frame.objects.get().stored_at is None


def test_a_frame_that_no_event_names_is_refused(
    client: Client, named: str, engine: tuple[RunAttempt, str], run: Run
) -> None:
    data = picture(9)
    url = f"/api/v1/runs/{run.pk}/frames/{hashlib.sha256(data).hexdigest()}"
    assert put(client, url, engine, data).status_code == 404


def test_a_name_that_is_no_hash_is_refused(client: Client, engine: tuple[RunAttempt, str], run: Run) -> None:
    assert put(client, f"/api/v1/runs/{run.pk}/frames/..%2F..%2Fetc", engine).status_code in (404, 422)


def test_a_run_keeps_no_more_than_its_config_says(
    client: Client, named: str, engine: tuple[RunAttempt, str], run: Run
) -> None:
    Run.objects.filter(pk=run.pk).update(frames_bytes=int(run.config["frames"]["max_mb"] * 1_000_000))
    answer = put(client, named, engine)
    assert answer.status_code == 413
    assert "frames.max_mb" in answer.json()["detail"]


def test_a_full_disk_refuses_frames_and_takes_events(
    client: Client, named: str, engine: tuple[RunAttempt, str], post: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 99, 1_000_000))
    answer = put(client, named, engine)
    assert answer.status_code == 413
    assert "only 1 MB left; free some space" in answer.json()["detail"]
    assert post(b"").status_code == 200


def test_a_disk_that_refuses_the_write_is_said(
    client: Client, named: str, engine: tuple[RunAttempt, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(default_storage._wrapped or default_storage), "_save", full, raising=False)
    answer = put(client, named, engine)
    assert answer.status_code == 413
    assert "No space left on device; free disk space" in answer.json()["detail"]
    assert Frame.objects.get().stored_at is None


def test_a_token_shows_its_own_teams_frames_only(
    client: Client, named: str, engine: tuple[RunAttempt, str], runner: User, team: Team
) -> None:
    put(client, named, engine)
    _, here = create_api_token(user=runner, team=team, name="here", scopes=["read"])
    elsewhere = create_team(name="Greens", admin=runner)
    _, there = create_api_token(user=runner, team=elsewhere, name="there", scopes=["read"])
    assert client.get(named, headers={"Authorization": f"Bearer {here}"}).status_code == 200
    assert client.get(named, headers={"Authorization": f"Bearer {there}"}).status_code == 404


def test_an_engines_token_opens_no_reading_door(client: Client, named: str, engine: tuple[RunAttempt, str]) -> None:
    put(client, named, engine)
    assert client.get(named, headers={"Authorization": f"Bearer {engine[1]}"}).status_code == 404


def test_frames_lie_in_the_media_folder(
    client: Client, named: str, engine: tuple[RunAttempt, str], run: Run, tmp_path: Path
) -> None:
    put(client, named, engine)
    assert (tmp_path / "media" / "frames" / run.pk / SHA[:2] / SHA).read_bytes() == PICTURE


@pytest.fixture
def several(post: Any, run: Run) -> tuple[str, list[bytes]]:
    """Where packs go, and four pictures that events named."""
    pictures = [picture(shade) for shade in (10, 20, 30, 40)]
    for place, data in enumerate(pictures):
        post(envelopes(episode(f"p{place}", frame=frame_of(data)), first_seq=1 + 4 * place))
    return f"/api/v1/runs/{run.pk}/frames", pictures


def send(client: Client, url: str, engine: tuple[RunAttempt, str], body: bytes) -> HttpResponse:
    headers = {"Authorization": f"Bearer {engine[1]}"}
    return client.post(url, body, content_type="application/vnd.arpo.frames", headers=headers)


def test_several_frames_come_in_one_request(
    client: Client, several: tuple[str, list[bytes]], engine: tuple[RunAttempt, str], viewer: User, run: Run
) -> None:
    url, pictures = several
    answer = send(client, url, engine, pack(pictures)).json()
    assert sorted(answer["stored"]) == sorted(frame_of(data).sha256 for data in pictures)
    assert answer["refused"] == {}
    run.refresh_from_db()
    assert run.frames_bytes == sum(len(data) for data in pictures)
    client.force_login(viewer)
    for data in pictures:
        assert client.get(f"{url}/{frame_of(data).sha256}").content == data


def test_a_pack_that_comes_twice_is_kept_once(
    client: Client, several: tuple[str, list[bytes]], engine: tuple[RunAttempt, str], run: Run
) -> None:
    url, pictures = several
    send(client, url, engine, pack(pictures))
    assert send(client, url, engine, pack([*pictures, pictures[0]])).json() == {"stored": [], "refused": {}}
    run.refresh_from_db()
    assert run.frames_bytes == sum(len(data) for data in pictures)


def test_of_a_pack_each_frame_is_taken_or_refused_by_itself(
    client: Client, several: tuple[str, list[bytes]], engine: tuple[RunAttempt, str]
) -> None:
    url, pictures = several
    unnamed, no_picture = picture(99), b"GIF89a no picture of ours"
    answer = send(client, url, engine, pack([pictures[0], unnamed, no_picture])).json()
    assert answer["stored"] == [frame_of(pictures[0]).sha256]
    assert "send the event first" in answer["refused"][frame_of(unnamed).sha256]
    assert "neither WebP" in answer["refused"][frame_of(no_picture).sha256]


@pytest.mark.parametrize(("body", "word"), [(b"", "holds no frame"), (b"\x00\x00\x00\x09abc", "says 9 bytes")])
def test_a_body_that_is_no_pack_is_refused(
    client: Client, several: tuple[str, list[bytes]], engine: tuple[RunAttempt, str], body: bytes, word: str
) -> None:
    answer = send(client, several[0], engine, body)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]


def test_a_pack_that_is_too_large_is_refused(
    client: Client, several: tuple[str, list[bytes]], engine: tuple[RunAttempt, str]
) -> None:
    assert send(client, several[0], engine, b"\x00" * (MOST_BYTES + 1)).status_code == 413


def test_a_pack_that_would_pass_the_runs_limit_is_refused(
    client: Client, several: tuple[str, list[bytes]], engine: tuple[RunAttempt, str], run: Run
) -> None:
    Run.objects.filter(pk=run.pk).update(frames_bytes=int(run.config["frames"]["max_mb"] * 1_000_000))
    answer = send(client, several[0], engine, pack(several[1]))
    assert answer.status_code == 413
    assert "frames.max_mb" in answer.json()["detail"]


def test_a_pack_needs_the_token_of_its_run(
    client: Client, several: tuple[str, list[bytes]], runner: User, team: Team, engine: tuple[RunAttempt, str]
) -> None:
    from tests.web.builders import make_run

    url, pictures = several
    assert client.post(url, pack(pictures), content_type="application/vnd.arpo.frames").status_code == 401
    other = make_run(runner, team)
    assert send(client, f"/api/v1/runs/{other.pk}/frames", engine, pack(pictures)).status_code == 403
    assert client.get(url).status_code == 405
