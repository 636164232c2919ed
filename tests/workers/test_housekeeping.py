"""What is thrown away with time, and what stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from tests.web.builders import envelopes, episode, frame_of, make_attempt, one_step, picture, started
from webapp.accounts.models import SignInLink, User
from webapp.accounts.services import make_sign_in_link
from webapp.api.ingest import ingest
from webapp.episodes.models import Episode, Frame, Step
from webapp.episodes.services import store_frame
from webapp.episodes.services.frames import frame_name
from webapp.metrics.models import Point
from webapp.runs.models import Run, RunEvent, RunStatus
from workers.housekeeping import drop_old_events, drop_old_frames, tidy_up

pytestmark = pytest.mark.django_db

PICTURE = picture(1)


@pytest.fixture
def old(run: Run) -> Run:
    """A run that ended a hundred days ago, with a screenshot."""
    attempt, _ = make_attempt(run)
    ingest(attempt, envelopes([started(), *episode("e1", frame=frame_of(PICTURE)), *one_step(1)]))
    run.refresh_from_db()
    store_frame(run, frame_of(PICTURE).sha256, PICTURE)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FINISHED, finished_at=timezone.now() - timedelta(days=100))
    run.refresh_from_db()
    return run


def test_bulky_events_go_and_the_timeline_and_the_history_stay(old: Run) -> None:
    assert drop_old_events(30) > 0
    kinds = set(RunEvent.objects.filter(run=old).values_list("kind", flat=True))
    assert kinds == {"RunStarted", "StatusChanged"}
    assert Episode.objects.filter(run=old).exists()
    assert Step.objects.filter(episode__run=old).exists()
    assert Point.objects.filter(series__run=old).exists()


def test_frames_go_with_their_files(old: Run) -> None:
    name = frame_name(old.pk, frame_of(PICTURE).sha256)
    assert default_storage.exists(name)
    assert drop_old_frames(90) == 1
    assert not default_storage.exists(name)
    assert not Frame.objects.filter(run=old).exists()
    old.refresh_from_db()
    assert old.frames_bytes == 0


def test_young_runs_running_ones_and_examples_keep_everything(old: Run) -> None:
    assert drop_old_events(200) == drop_old_frames(200) == 0
    Run.objects.filter(pk=old.pk).update(is_example=True)
    assert drop_old_events(30) == drop_old_frames(30) == 0
    Run.objects.filter(pk=old.pk).update(is_example=False, status=RunStatus.RUNNING)
    assert drop_old_events(30) == drop_old_frames(30) == 0


def test_a_file_that_is_gone_already_does_not_stop_the_tidying(old: Run) -> None:
    default_storage.delete(frame_name(old.pk, frame_of(PICTURE).sha256))
    assert drop_old_frames(90) == 1


def test_spent_links_go(old: Run, runner: User) -> None:
    make_sign_in_link(user=runner, lifetime=timedelta(seconds=-1))
    tidy_up()
    assert not SignInLink.objects.exists()


def test_other_files_of_the_storage_stay(old: Run) -> None:
    default_storage.save("other", ContentFile(b"x"))
    drop_old_frames(90)
    assert default_storage.exists("other")
