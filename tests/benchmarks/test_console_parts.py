"""The parts of the console's benchmark, on little work: they measure what they say, under the agreed keys."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from arpo_engine.contract.events import IngestAnswer
from arpo_engine.contract.framepack import FramesAnswer
from arpo_engine.contract.outcomes import Directive
from benchmarks import console_ingest
from benchmarks.console_ingest import KEYS, STEPS_A_BATCH, Door, measure_client, measure_frames, measure_ingest


class Heard:
    """A console that takes all it is sent."""

    def __init__(self) -> None:
        self.lines = 0
        self.packs: list[int] = []
        self.frames: set[str] = set()

    def post_events(self, body: bytes) -> IngestAnswer:
        self.lines += body.count(b"\n")
        return IngestAnswer(directive=Directive.RUN, last_seq=self.lines)

    def post_frames(self, frames: list[bytes]) -> FramesAnswer:
        self.packs.append(len(frames))
        self.frames |= {hashlib.sha256(data).hexdigest() for data in frames}
        return FramesAnswer()

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    console = Heard()
    monkeypatch.setattr(console_ingest.Door, "client", lambda self: console)
    return console


DOOR = Door("http://127.0.0.1:1", "run", "token")


def cpu() -> Any:
    """A server that computes a second between two looks."""
    seconds = iter(range(100))
    return lambda: float(next(seconds))


def test_ingest_counts_numbers_and_what_each_costs_the_server(heard: Heard) -> None:
    figures = measure_ingest([DOOR], cpu(), batches=2)
    assert heard.lines == 1 + 2 * STEPS_A_BATCH
    assert figures["metrics"] == 2 * STEPS_A_BATCH * KEYS
    assert figures["server_cpu_us_per_metric"] == pytest.approx(1e6 / figures["metrics"], abs=0.01)
    assert figures["metrics_per_s"] > 0


def test_frames_are_named_first_and_travel_several_in_a_request(heard: Heard) -> None:
    figures = measure_frames([DOOR], cpu(), frames=70)
    assert heard.lines == 71
    assert len(heard.frames) == 70
    assert max(heard.packs) > 1
    assert figures["server_cpu_ms_per_frame"] == pytest.approx(1000 / 70, abs=0.01)


def test_the_client_writes_what_is_measured_to_a_real_spool() -> None:
    figures = measure_client(events=50)
    assert set(figures) == {"client_us_per_metric", "client_all_threads_us_per_metric", "emit_p99_us"}
    assert 0 < figures["client_us_per_metric"] < figures["client_all_threads_us_per_metric"]
