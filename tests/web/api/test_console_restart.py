"""A console killed in the middle of a run: the engine's own client, a real server, nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from django.db import connection

from arpo_engine.contract import events as wire
from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.outcomes import Directive, RunOutcome, Split
from arpo_engine.contract.reporting import SPOOL_NAME, RunRecorder, read_spool
from tests.web.builders import make_attempt, one_step, started
from webapp.env import BASE_DIR
from webapp.episodes.models import Frame, Step
from webapp.metrics.models import Point
from webapp.runs.models import Run, RunEvent, RunStatus
from webapp.runs.services import request_stop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

READY_WITHIN_S = 90.0


class Console:
    """The web server as a process of its own, on the test's database."""

    def __init__(self, media: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        database = connection.settings_dict
        url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
        self.environment = {**os.environ, "DATABASE_URL": url, "ARPO_DATA_DIR": str(media.parent)}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        words = ["uvicorn", "webapp.asgi:application", "--port", str(self.port), "--lifespan", "off"]
        self.process = subprocess.Popen([sys.executable, "-m", *words], env=self.environment, cwd=BASE_DIR)
        until = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            assert self.process.poll() is None, "the web server ended"
            assert time.monotonic() < until, "the web server did not answer in time"
            time.sleep(0.1)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/api/v1/openapi.json", timeout=10).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    console = Console(tmp_path / "media")
    console.start()
    yield console
    if console.process is not None and console.process.poll() is None:
        console.kill()


def take_steps(recorder: RunRecorder, first: int, last: int) -> None:
    """An episode of one step with a screenshot of its own, and a training step, for each number."""
    for number in range(first, last + 1):
        key = f"e{number}"
        recorder.emit(
            wire.EpisodeStarted(
                episode_id=key, task_id="t", instruction="i", split=Split.TRAIN, step=number, desktop="d"
            )
        )
        frame = recorder.store_frame(np.full((6, 8, 3), number % 256, dtype=np.uint8))
        recorder.emit(wire.EpisodeStepTaken(episode_id=key, index=0, frame=frame, raw_text=key))
        for event in one_step(number, total=60):
            recorder.emit(event)


def wait_until_stored(run: Run, count: int) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while RunEvent.objects.filter(run=run, attempt=1).count() < count:
        assert time.monotonic() < until, "the events did not arrive"
        time.sleep(0.1)


def test_a_killed_console_loses_and_doubles_nothing(console: Console, run: Run, tmp_path: Path) -> None:
    _, secret = make_attempt(run)
    folder = tmp_path / "run"
    recorder = RunRecorder(folder, 1, frames=FramesConfig(), report_to=console.url, run_id=run.pk, token=secret)
    recorder.emit(started(total_steps=60))
    take_steps(recorder, 1, 20)
    wait_until_stored(run, 1)
    console.kill()
    take_steps(recorder, 21, 40)
    console.start()
    take_steps(recorder, 41, 60)
    wait_until_stored(run, 241)
    recorder.emit(wire.RunEnded(outcome=RunOutcome.FINISHED, step=60))
    recorder.close()
    spool = [(line.attempt, line.seq) for line in read_spool(folder / SPOOL_NAME)]
    stored = RunEvent.objects.filter(run=run, attempt=1).order_by("cursor").values_list("attempt", "seq")
    assert list(stored) == spool
    assert Step.objects.filter(episode__run=run).count() == 60
    assert Point.objects.filter(series__run=run, series__key="train/success").count() == 60
    assert not Frame.objects.filter(run=run, stored_at=None).exists()
    run.refresh_from_db()
    assert (run.status, run.step, run.episodes_count) == (RunStatus.FINISHED, 60, 0)


def test_a_stop_reaches_the_engine_with_the_next_answer(console: Console, run: Run, tmp_path: Path) -> None:
    _, secret = make_attempt(run)
    recorder = RunRecorder(
        tmp_path / "run", 1, frames=FramesConfig(), report_to=console.url, run_id=run.pk, token=secret
    )
    recorder.emit(started())
    wait_until_stored(run, 1)
    request_stop(run=run, actor=run.owner)
    until = time.monotonic() + READY_WITHIN_S
    while recorder.directive is not Directive.STOP_GRACEFULLY:
        assert time.monotonic() < until, "the engine was not told to stop"
        time.sleep(0.1)
    recorder.emit(wire.RunEnded(outcome=RunOutcome.STOPPED, step=0, reason="Stopped as asked"))
    recorder.close()
    run.refresh_from_db()
    assert (run.status, run.status_reason) == (RunStatus.STOPPED, "Stopped as asked")
