"""A run that ended long ago, with screenshots of its own."""

from __future__ import annotations

import pytest

from tests.web.builders import envelopes, episode, frame_of, make_attempt, one_step, started
from tests.web.storage.retained import SCORED, SHOTS, aged
from webapp.api.ingest import ingest
from webapp.episodes.services import store_frame
from webapp.runs.models import Run


@pytest.fixture
def old(run: Run) -> Run:
    """A run that ended a hundred days ago: one episode of six steps, each with a screenshot of its own."""
    attempt, _ = make_attempt(run)
    begun, *steps, end = episode("e1", steps=6)
    steps = [step.model_copy(update={"frame": frame_of(shot)}) for step, shot in zip(steps, SHOTS, strict=True)]
    end = end.model_copy(update={"frame": frame_of(SCORED)})
    ingest(attempt, envelopes([started(), begun, *steps, end, *one_step(1)]))
    run.refresh_from_db()
    for shot in (*SHOTS, SCORED):
        store_frame(run, frame_of(shot).sha256, shot)
    return aged(run)
