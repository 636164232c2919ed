"""A run folder's own record through the same door as a live engine's: for last words that did not arrive, and examples.

The folder must be on this machine; for one that is elsewhere there is nothing to read, and nothing happens.
"""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

from django.db import DataError, IntegrityError

from arpo_engine.contract.errors import SpoolError
from arpo_engine.contract.reporting import SPOOL_NAME, read_spool
from arpo_engine.contract.reporting.frames import FRAMES_NAME, read_frame
from webapp.api.ingest import ingest
from webapp.episodes.models import Frame
from webapp.episodes.services import FrameRefused, store_frame
from webapp.runs.models import RunAttempt

BATCH_LINES = 500

log = logging.getLogger(__name__)


def ship_spool(attempt: RunAttempt, folder: Path) -> int:
    """Take in what the folder's spool has of this attempt beyond what is stored, frames included; the events taken."""
    spool = folder / SPOOL_NAME
    if not spool.is_file():
        return 0
    attempt.refresh_from_db()
    taken = 0
    try:
        unread = read_spool(spool, attempt=attempt.number, after_seq=attempt.last_seq)
        lines = itertools.takewhile(lambda line: line.attempt == attempt.number, unread)
        while batch := list(itertools.islice(lines, BATCH_LINES)):
            ingest(attempt, batch)
            taken += len(batch)
    except (SpoolError, DataError, IntegrityError) as error:
        log.warning("a spool cannot be read", extra={"run": attempt.run_id, "path": str(spool), "error": str(error)})
    ship_frames(attempt, folder)
    return taken


def ship_frames(attempt: RunAttempt, folder: Path) -> int:
    """Take in the screenshots that the run's events name and that are not stored yet; how many were."""
    run = attempt.run
    taken = 0
    for sha256 in Frame.objects.filter(run=run, stored_at=None).values_list("sha256", flat=True):
        data = read_frame(folder / FRAMES_NAME, sha256)
        if data is None:
            continue
        try:
            taken += store_frame(run, sha256, data)
        except FrameRefused as refusal:
            log.warning("a frame is not taken", extra={"run": run.pk, "frame": sha256, "why": str(refusal)})
            break
        run.refresh_from_db(fields=["frames_bytes"])
    return taken
