"""The fleet benchmark measures what it says: one event for all desktops, whatever their number."""

from __future__ import annotations

import asyncio

from benchmarks.fleet import measure


def test_an_event_grows_with_the_desktops_and_their_number_of_events_does_not():
    few, many = asyncio.run(measure(4, 2)), asyncio.run(measure(70, 2))
    assert few["events_per_s"] == many["events_per_s"] == 0.5
    assert 10 < many["kb_per_event"] / few["kb_per_event"] < 20
