"""Screenshots on their way to the console: once, when asked for, and again when nobody knows whether they were."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from arpo_engine.contract.events import EpisodeStepTaken
from arpo_engine.contract.reporting import RunRecorder
from arpo_engine.contract.reporting import reporter as reporter_module
from arpo_engine.contract.reporting.frames import frame_path
from tests.contract.reporting.conftest import ConsoleUnderTest
from tests.contract.reporting.helpers import note, reporting

pytestmark = pytest.mark.usefixtures("quick")


def test_screenshots_are_uploaded_once_when_the_console_asks(tmp_path: Path, console: ConsoleUnderTest) -> None:
    pictures = [np.full((168, 224, 3), shade, dtype=np.uint8) for shade in (0, 80, 160)]
    with reporting(tmp_path, console) as recorder:
        for index in range(9):
            frame = recorder.store_frame(pictures[index % 3])
            recorder.emit(EpisodeStepTaken(episode_id="e", index=index, frame=frame))
        console.wait_for(lambda: len(console.frames) == 3)
    for sha256, data in console.frames.items():
        assert frame_path(tmp_path / "frames", sha256).read_bytes() == data
    uploads = [path for method, path, _ in console.requests if "/frames" in path]
    assert 1 <= len(uploads) <= 3


def test_the_end_of_a_run_waits_for_screenshots_that_the_console_asks_for_in_portions(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    console.frames_at_once = 4
    with reporting(tmp_path, console) as recorder:
        for index in range(20):
            frame = recorder.store_frame(np.full((168, 224, 3), index * 10, dtype=np.uint8))
            recorder.emit(EpisodeStepTaken(episode_id="e", index=index, frame=frame))
        began = time.monotonic()
    assert len(console.frames) == 20
    assert time.monotonic() - began < reporter_module.LONGEST_DRAIN_S / 2, "and for nothing else"


def test_screenshots_that_an_answer_asked_for_are_shipped_though_the_answer_was_lost(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    with reporting(tmp_path, console) as recorder:
        console.wait_for(lambda: console.heartbeats > 0)
        console.answers_to_lose = 1
        frame = recorder.store_frame(np.zeros((168, 224, 3), dtype=np.uint8))
        recorder.emit(EpisodeStepTaken(episode_id="e", index=0, frame=frame))
        console.wait_for(lambda: console.answers_to_lose == 0)
    assert len(console.frames) == 1


def test_the_next_attempt_ships_screenshots_that_the_console_asked_the_last_one_for(
    tmp_path: Path, console: ConsoleUnderTest
) -> None:
    console.ask_for_frames = False
    with reporting(tmp_path, console) as recorder:
        frame = recorder.store_frame(np.zeros((168, 224, 3), dtype=np.uint8))
        recorder.emit(EpisodeStepTaken(episode_id="e", index=0, frame=frame))
    console.ask_for_frames = True
    assert console.missing_frames(again=False), "asked for, and nobody heard it"
    with reporting(tmp_path, console, attempt=2):
        console.wait_for(lambda: len(console.frames) == 1)


def test_a_screenshot_that_is_gone_is_given_up_and_events_go_on(
    tmp_path: Path, console: ConsoleUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    console.ask_for_frames = False
    with reporting(tmp_path, console) as recorder:
        frame = recorder.store_frame(np.zeros((168, 224, 3), dtype=np.uint8))
        recorder.emit(EpisodeStepTaken(episode_id="e", index=0, frame=frame))
        console.wait_for(lambda: console.last_seq(1) == 1)
        for path in (tmp_path / "frames").rglob("*.webp"):
            path.unlink()
        console.ask_for_frames = True
        recorder.emit(note(1))
        recorder.emit(note(2))
    assert console.last_seq(1) == 3
    assert console.frames == {}
    assert "a screenshot cannot be shipped" in caplog.text


def shades(recorder: RunRecorder, number: int) -> None:
    for index in range(number):
        frame = recorder.store_frame(np.full((168, 224, 3), index * 7, dtype=np.uint8))
        recorder.emit(EpisodeStepTaken(episode_id="e", index=index, frame=frame))


def test_several_screenshots_travel_in_one_request(tmp_path: Path, console: ConsoleUnderTest) -> None:
    console.ask_for_frames = False
    with reporting(tmp_path, console) as recorder:
        shades(recorder, 30)
        console.wait_for(lambda: console.last_seq(1) == 30)
        console.ask_for_frames = True
        recorder.emit(note(1))
    assert len(console.frames) == 30
    assert sum("/frames" in path for _, path, _ in console.requests) == 1


@pytest.mark.parametrize("status", [404, 413, 500])
def test_a_console_that_takes_no_packs_gets_screenshots_one_by_one(
    tmp_path: Path, console: ConsoleUnderTest, status: int
) -> None:
    console.refuse_packs = status
    with reporting(tmp_path, console) as recorder:
        shades(recorder, 8)
        console.wait_for(lambda: len(console.frames) == 8)
    assert console.last_seq(1) == 8


def test_a_screenshot_that_is_refused_does_not_hold_up_its_neighbours(
    tmp_path: Path, console: ConsoleUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    console.ask_for_frames = False
    with reporting(tmp_path, console) as recorder:
        shades(recorder, 5)
        console.wait_for(lambda: console.last_seq(1) == 5)
        bad = console.events[1, 3]["event"]["frame"]["sha256"]
        console.bad = {bad}
        console.ask_for_frames = True
        recorder.emit(note(1))
        console.wait_for(lambda: len(console.frames) == 4)
    assert bad not in console.frames
    assert "it is no picture" in [getattr(record, "why", "") for record in caplog.records]
