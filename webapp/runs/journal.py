"""The numbered log of a run: gives events their cursors under the run's row lock, announces them after the commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from webapp.bulk import copy_rows
from webapp.runs import live
from webapp.runs.models import CONSOLE_ATTEMPT, Run, RunEvent

Entry = tuple[int, int, str, datetime, dict[str, Any]]
"""attempt, seq, kind, at, data"""


def append_events(run: Run, entries: Sequence[Entry]) -> None:
    """Store each event in this order.

    The run's row must be locked by the caller: only so is a cursor never followed by a smaller one that commits later.
    `run.last_cursor` is advanced here and saved.
    """
    if not entries:
        return
    first = run.last_cursor + 1
    rows = [(run.pk, first + place, *entry) for place, entry in enumerate(entries)]
    copy_rows(RunEvent, ("run_id", "cursor", "attempt", "seq", "kind", "at", "data"), rows)
    run.last_cursor += len(rows)
    Run.objects.filter(pk=run.pk).update(last_cursor=run.last_cursor)
    live.announce_after_commit(run, rows)


def append_console_event(run: Run, kind: str, data: dict[str, Any], *, at: datetime | None = None) -> None:
    """Add something that the console itself has to say to the timeline."""
    append_events(run, [(CONSOLE_ATTEMPT, run.last_cursor + 1, kind, at or timezone.now(), data)])
