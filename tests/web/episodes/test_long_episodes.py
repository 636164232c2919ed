"""An episode of 500 steps travels in pages, and as a zip without ever lying in memory as a whole."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient, Client

from arpo_engine.contract import events as wire
from arpo_engine.contract.actions import Click
from arpo_engine.contract.outcomes import EndedBy, Split
from tests.web.episodes.pixels import noise
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.episodes.models import Frame, StepNote
from webapp.episodes.services.archive import written
from webapp.runs.models import Run

LONG = 500


@pytest.fixture
def long_run(runner: User, team: Team) -> Run:
    made = titled_run(runner, team)
    engine = Engine(made)
    engine.start()
    engine.note(
        wire.EpisodeStarted(episode_id="long", task_id="t", instruction="Go on", split=Split.TRAIN, step=1, desktop="d")
    )
    for index in range(LONG):
        engine.note(
            wire.EpisodeStepTaken(
                episode_id="long", index=index, frame=engine.frame(index), thought="a" * 300, raw_text="b" * 1500,
                action=Click(x=1, y=index), generate_s=0.5, act_s=0.25,
            )
        )  # fmt: skip
    engine.say(
        wire.EpisodeEnded(
            episode_id="long", ended_by=EndedBy.OUT_OF_STEPS, score=0.0, reward=0.0, format_reward=0.0, steps=LONG,
            tokens=10, frame=engine.frame(1),
        )
    )  # fmt: skip
    made.refresh_from_db()
    return made


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.django_db
def test_the_page_has_fifty_steps_and_the_others_are_fetched(long_run: Run, viewer: User, stranger: User) -> None:
    client = client_of(viewer)
    page = client.get(f"/runs/{long_run.pk}/episodes/long/").content
    assert len(page) < 250_000
    data = json.loads(page.split(b'id="episode-data" type="application/json">')[1].split(b"</script>")[0])
    assert (len(data["steps"]), data["total"]) == (50, LONG)
    assert b"<title>Waited 250.0 s for replies and 125.0 s for the desktop" in page
    last = client.get(data["pages"] + "?from=487").json()
    assert (last["from"], last["total"], [step["index"] for step in last["steps"]]) == (450, LONG, [*range(450, 500)])
    assert client.get(data["pages"] + "?from=9999").json()["steps"] == []
    assert client.get(data["pages"] + "?from=-1x").json()["from"] == 0
    assert client_of(stranger).get(data["pages"]).status_code == 404
    assert client.get(f"/runs/{long_run.pk}/episodes/none/steps.json").status_code == 404


@pytest.mark.django_db
def test_a_thinned_step_says_that_it_was_kept_once(long_run: Run, viewer: User) -> None:
    Frame.objects.filter(run=long_run).delete()
    step = client_of(viewer).get(f"/runs/{long_run.pk}/episodes/long/steps.json").json()["steps"][0]
    assert step["frame"] is None and step["thumb"] is None
    assert step["missing"].startswith("Not kept any more")


@pytest.mark.django_db(transaction=True)
@pytest.mark.asyncio
@pytest.mark.usefixtures("valkey")
async def test_the_zip_has_the_steps_the_notes_and_every_picture_once(
    long_run: Run, viewer: User, runner: User, stranger: User
) -> None:
    episode = await long_run.episodes.aget()
    await StepNote.objects.acreate(episode=episode, index=3, author=runner, text="Look here")
    client = AsyncClient()
    await client.aforce_login(viewer)
    answer = await client.get(f"/runs/{long_run.pk}/episodes/long/episode.zip")
    assert answer["Content-Disposition"] == f'attachment; filename="{long_run.pk}-long.zip"'
    data = b"".join([chunk async for chunk in answer.streaming_content])  # type: ignore[attr-defined]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        told = json.loads(archive.read("episode.json"))
        pictures = [name for name in archive.namelist() if name.startswith("frames/")]
    assert len(told["steps"]) == LONG and told["steps"][499]["action"]["y"] == 499
    assert len(pictures) == 8 and {step["frame"] for step in told["steps"]} == set(pictures)
    assert told["notes"] == [{"index": 3, "by": "ruth", "flagged": False, "label": "", "text": "Look here",
                              "at": told["notes"][0]["at"]}]  # fmt: skip
    other = AsyncClient()
    await other.aforce_login(stranger)
    assert (await other.get(f"/runs/{long_run.pk}/episodes/long/episode.zip")).status_code == 404
    await sync_to_async(connections.close_all)()  # the thread's own, which would keep the test database busy


@pytest.mark.django_db
def test_the_zip_is_written_a_picture_at_a_time(long_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    big = noise(200, 200, "PNG")
    monkeypatch.setattr("webapp.episodes.services.archive.open_frame", lambda *_: (big, "image/png"))
    sizes = [len(chunk) for chunk in written(long_run, long_run.episodes.get())]
    assert len(sizes) == 9
    assert max(sizes[:-1]) < len(big) + 500
