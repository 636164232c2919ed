"""What the events of a run add to its config: hashes that pin its tasks and software, and what replay really did.

Knows the wire; knows no terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from arpo_engine.conformance.fidelity.rows import Row
from arpo_engine.contract.reporting.spool import SPOOL_NAME, read_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a run's spool tells."""

    task_set_hash: str | None
    train_tasks: int | None
    groups: int
    injections: int
    """Members of groups that replay put in the place of a failure."""
    unreadable: int
    """Lines that are no events; they are passed over."""


def read_run(folder: Path) -> Seen | None:
    """What the events of a run folder say; None where it has no events yet."""
    path = folder / SPOOL_NAME
    if not path.is_file():
        return None
    started: dict[str, Any] = {}
    groups = injections = unreadable = 0
    for event in _events(path):
        if event is None:
            unreadable += 1
        elif event.get("kind") == "RunStarted":
            started = started or event
        elif event.get("kind") == "GroupCollected":
            groups += 1
            injections += sum(1 for member in event.get("members") or () if member.get("injected"))
    provenance = started.get("provenance") or {}
    return Seen(
        task_set_hash=provenance.get("task_set_hash"),
        train_tasks=started.get("train_tasks"),
        groups=groups,
        injections=injections,
        unreadable=unreadable,
    )


def with_events(rows: tuple[Row, ...], seen: Seen) -> tuple[Row, ...]:
    """The rows of a config with what the run itself recorded beside their evidence."""
    more = {
        "replay": f"recorded: {seen.injections} replayed successes in {seen.groups} groups",
        "task list": f"recorded: {seen.train_tasks} tasks with hash {seen.task_set_hash or 'unknown'}",
    }
    return tuple(
        replace(row, evidence=f"{row.evidence}; {more[row.component]}") if row.component in more else row
        for row in rows
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
