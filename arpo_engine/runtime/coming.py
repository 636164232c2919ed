"""Tells the console which desktops are coming, before any of them is up. Knows the config; starts nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.events import DesktopsSeen
from arpo_engine.contract.fleet import DesktopPhase, DesktopSeen
from arpo_engine.contract.reporting import EventSink
from arpo_engine.runtime.executor import process_sizes


def tell_coming(config: RunConfig, sink: EventSink) -> None:
    """Name the desktops as executors do on one machine; where nodes divide them otherwise, the first look says so."""
    desktops, now = config.desktops, datetime.now(UTC)
    at_once, later = process_sizes(desktops)
    phases = [DesktopPhase.STARTING] * len(at_once) + [DesktopPhase.ASLEEP] * len(later)
    coming = [
        DesktopSeen(name=f"{desktops.kind}-{number}/{place}", machine="", phase=phase, since=now)
        for number, (size, phase) in enumerate(zip([*at_once, *later], phases, strict=True))
        for place in range(size)
    ]
    sink.emit(DesktopsSeen(desktops=coming))
