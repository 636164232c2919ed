"""What a run folder's events tell for a report of fidelity, and the numbers computed now. Knows no terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arpo_engine.conformance.fidelity.checks import checks_of
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.fidelity.recorded import Seen
from arpo_engine.contract.reporting.spool import SPOOL_NAME, read_lines


def read_run(folder: Path, config: RunConfig) -> Seen | None:
    """What the events of a run folder say, with numbers computed now; None where it has no events yet."""
    path = folder / SPOOL_NAME
    if not path.is_file():
        return None
    started: dict[str, Any] = {}
    groups = injections = unreadable = 0
    for event in _events(path):
        if event is None:
            unreadable += 1
        elif event.get("kind") == "RunStarted":
            started = event
        elif event.get("kind") == "GroupCollected":
            groups += 1
            injections += sum(1 for member in event.get("members") or () if member.get("injected"))
    provenance = started.get("provenance") or {}
    return Seen(
        task_set_hash=provenance.get("task_set_hash"),
        train_tasks=started.get("train_tasks"),
        groups=groups,
        injections=injections,
        checks=tuple(checks_of(config)),
        unreadable=unreadable,
    )


def _events(path: Path) -> Iterator[dict[str, Any] | None]:
    """Each event as plain data; only the two kinds that are counted are worth parsing."""
    for line in read_lines(path):
        if b'"RunStarted"' not in line.raw and b'"GroupCollected"' not in line.raw:
            continue
        try:
            envelope = json.loads(line.raw)
        except (ValueError, RecursionError):
            yield None
            continue
        event = envelope.get("event") if isinstance(envelope, dict) else None
        yield event if isinstance(event, dict) else None
