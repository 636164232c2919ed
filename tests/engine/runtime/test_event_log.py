"""Warnings beside a run: into its events, except reporting's own complaints."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from arpo_engine.contract.events import LogWritten
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.runtime.event_log import EventLogHandler


@pytest.fixture
def sink() -> Iterator[MemorySink]:
    sink = MemorySink()
    handler = EventLogHandler(sink)
    engine = logging.getLogger("arpo_engine")
    engine.addHandler(handler)
    yield sink
    engine.removeHandler(handler)


def test_a_warning_becomes_an_event_and_a_remark_does_not(sink: MemorySink) -> None:
    log = logging.getLogger("arpo_engine.desktops.pool")
    log.info("a desktop started")
    log.warning("a desktop was lost")
    (event,) = sink.events
    assert isinstance(event, LogWritten)
    assert (event.level, event.message) == ("warning", "a desktop was lost")


def test_what_reporting_complains_of_is_said_on_the_terminal_and_not_reported(
    sink: MemorySink, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("arpo_engine.contract.reporting.reporter").error("events are kept but not shipped")
    assert sink.events == []
    assert "events are kept but not shipped" in capsys.readouterr().err
