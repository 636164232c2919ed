"""Small pictures: never above 15 KB, made once, only for the team, gone when the screenshot is."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from tests.web.episodes.pixels import noise
from webapp.accounts.models import User
from webapp.episodes.models import Frame
from webapp.episodes.pictures import Picture, pictures_of
from webapp.episodes.services.frames import ASK_TIMES, delete_files, store_frame, thumbnail_name
from webapp.episodes.services.thumbnails import MAX_BYTES, open_thumbnail, shrink
from webapp.runs.models import Run, RunStatus

pytestmark = pytest.mark.django_db


def stored(run: Run, data: bytes) -> str:
    sha256 = hashlib.sha256(data).hexdigest()
    Frame.objects.create(run=run, sha256=sha256, media_type="image/webp", width=8, height=6)
    store_frame(run, sha256, data)
    return sha256


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "JPEG"])
def test_a_screenshot_of_any_kind_becomes_a_webp_of_at_most_15_kb(kind: str) -> None:
    small = shrink(noise(1280, 720, kind))
    assert small is not None and len(small) <= MAX_BYTES
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.format == "WEBP" and picture.width <= 320


def test_what_is_small_or_no_picture_stays_as_it_is() -> None:
    assert shrink(noise(8, 6, "WEBP")) is None
    assert shrink(b"RIFF....WEBPnothing") is None
    bomb = io.BytesIO()
    Image.new("1", (9000, 9000)).save(bomb, "PNG")
    assert shrink(bomb.getvalue()) is None
    # One that its reader refuses to open at all, by an error of its own.
    Image.new("1", (20_000, 20_000)).save(larger := io.BytesIO(), "PNG")
    assert shrink(larger.getvalue()) is None


def test_it_is_made_once_and_served_to_the_team_alone(
    run: Run, viewer: User, stranger: User, settings: Settings
) -> None:
    sha256 = stored(run, noise(1280, 720, "WEBP"))
    address = f"/runs/{run.pk}/thumbs/{sha256}"
    answer = client_of(viewer).get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert len(answer.content) <= MAX_BYTES and "immutable" in answer["Cache-Control"]
    file = Path(settings.MEDIA_ROOT) / thumbnail_name(run.pk, sha256)
    written = file.stat().st_mtime_ns
    assert client_of(viewer).get(address).content == answer.content
    assert file.stat().st_mtime_ns == written
    assert client_of(viewer).get(address, headers={"If-None-Match": answer["ETag"]}).status_code == 304
    assert client_of(stranger).get(address).status_code == 404
    assert client_of(stranger).get(address, headers={"If-None-Match": answer["ETag"]}).status_code == 404
    assert Client().get(address).status_code == 302


@pytest.mark.parametrize("name", ["0" * 64, "nothing", "..%2F..%2Fsecret", "a" * 500])
def test_a_picture_that_is_not_there_is_a_short_404(run: Run, viewer: User, name: str) -> None:
    answer = client_of(viewer).get(f"/runs/{run.pk}/thumbs/{name}")
    assert answer.status_code == 404 and len(answer.content) < 20_000


def test_it_goes_with_its_screenshot(run: Run, viewer: User, settings: Settings) -> None:
    sha256 = stored(run, noise(1280, 720, "WEBP"))
    assert open_thumbnail(run, sha256) is not None
    delete_files(run.pk, sha256)
    delete_files(run.pk, sha256)
    Frame.objects.filter(run=run).delete()
    assert open_thumbnail(run, sha256) is None
    assert not list(Path(settings.MEDIA_ROOT).rglob("*.webp"))


def test_a_full_disk_costs_nothing_but_time(run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = stored(run, noise(1280, 720, "WEBP"))

    whole = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        whole(path, data[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("webapp.episodes.services.thumbnails.Path.write_bytes", full)
        small = open_thumbnail(run, sha256)
    assert small is not None and len(small[0]) <= MAX_BYTES
    assert not list(Path(settings.MEDIA_ROOT).rglob("*.small*")), "a torn one would be shown for good"
    assert open_thumbnail(run, sha256) == small


def test_two_who_ask_at_once_make_one_file_and_both_get_it(
    run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = stored(run, noise(1280, 720, "WEBP"))
    others: list[object] = []

    def meanwhile(data: bytes) -> bytes | None:
        monkeypatch.undo()
        others.append(open_thumbnail(run, sha256))  # somebody else asks while this one is being made
        return shrink(data)

    monkeypatch.setattr("webapp.episodes.services.thumbnails.shrink", meanwhile)
    mine = open_thumbnail(run, sha256)
    assert mine is not None and others == [mine]
    assert [file.name for file in Path(settings.MEDIA_ROOT).rglob("*.small*")] == [f"{sha256}.small.webp"]
    assert open_thumbnail(run, sha256) == mine


def test_a_missing_screenshot_says_why(run: Run) -> None:
    now = timezone.now()
    rows = {"here": {"stored_at": now}, "coming": {}, "lost": {"asked_times": ASK_TIMES}}
    for name, more in rows.items():
        Frame.objects.create(run=run, sha256=name, media_type="image/webp", width=1, height=1, **more)
    found = pictures_of(run, ["here", "coming", "lost", "thinned", ""])
    assert found == {
        "here": Picture.HERE, "coming": Picture.COMING, "lost": Picture.NEVER, "thinned": Picture.GONE,
        "": Picture.NEVER,
    }  # fmt: skip
    run.status = RunStatus.FINISHED
    assert pictures_of(run, ["coming"]) == {"coming": Picture.NEVER}
