"""What is thrown away with time: the event log and the screenshots of runs that ended long ago, and spent links.

Curves, episodes, steps and their outcomes stay: they are the history. Recorded examples keep everything.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from webapp.accounts.models import SignInLink
from webapp.env import envint
from webapp.episodes.models import Frame
from webapp.episodes.services.frames import delete_files
from webapp.runs.models import ENDED_STATUSES, Run, RunEvent

EVENT_DAYS: Final = 30
FRAME_DAYS: Final = 90
BULKY_KINDS: Final = (
    "EpisodeStarted", "EpisodeStepTaken", "EpisodeEnded", "MetricsLogged", "HostSampled", "StepFinished", "LogWritten",
)  # fmt: skip
"""Kinds that the page needs while a run is live; the timeline's own kinds stay."""
CHUNK: Final = 500

log = logging.getLogger(__name__)


def tidy_up() -> None:
    """Everything that is due; each part can be repeated at any time."""
    events = drop_old_events(envint("ARPO_KEEP_EVENTS_DAYS", EVENT_DAYS, minimum=1))
    frames = drop_old_frames(envint("ARPO_KEEP_FRAMES_DAYS", FRAME_DAYS, minimum=1))
    links, _ = SignInLink.objects.filter(expires_at__lt=timezone.now()).delete()
    if events or frames or links:
        log.info("tidied up", extra={"events": events, "frames": frames, "links": links})


def drop_old_events(days: int) -> int:
    """Delete the bulky events of runs that ended more than so many days ago; the number deleted."""
    dropped, _ = RunEvent.objects.filter(run__in=_ended_before(days), kind__in=BULKY_KINDS).delete()
    return dropped


def drop_old_frames(days: int) -> int:
    """Delete the screenshots of runs that ended more than so many days ago; the number deleted."""
    dropped = 0
    for run in _ended_before(days).filter(frames_bytes__gt=0):
        while frames := list(Frame.objects.filter(run=run, stored_at__isnull=False)[:CHUNK]):
            for frame in frames:
                delete_files(run.pk, frame.sha256)
            dropped += _forget(frames)
        Run.objects.filter(pk=run.pk).update(frames_bytes=0)
    return dropped


@transaction.atomic
def _forget(frames: list[Frame]) -> int:
    dropped, _ = Frame.objects.filter(pk__in=[frame.pk for frame in frames]).delete()
    return dropped


def _ended_before(days: int) -> QuerySet[Run]:
    before = timezone.now() - timedelta(days=days)
    return Run.objects.filter(status__in=ENDED_STATUSES, finished_at__lt=before, is_example=False)
