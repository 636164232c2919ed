"""What an engine's events mean for its try-out, and what it is directed with its next answer. Called by ingest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from arpo_engine.contract import events as wire
from arpo_engine.contract.tryouts import Direction as WireDirection
from webapp.bulk import clean_text
from webapp.runs.models import Run, RunKind
from webapp.tryouts.models import Direction, Tryout
from webapp.tryouts.services.directing import WIRE

MOST_AT_ONCE: Final = 20
"""Directions in one answer; the others follow when these are taken."""


def record_events(run: Run, attempt: int, envelopes: Sequence[wire.Envelope]) -> None:
    """Write what these events say about the try-out; those of other runs and other kinds are passed over."""
    if run.kind != RunKind.TRY:
        return
    news: dict[str, Any] = {}
    for line in envelopes:
        if isinstance(line.event, wire.TryoutChanged):
            news |= _news(line.event, line.at)
            _settle(run, attempt, line.event)
    if news:
        # One that was started with the form of any run has no row yet.
        Tryout.objects.get_or_create(run=run, defaults={"controller_id": run.owner_id})
        Tryout.objects.filter(run=run, attempt__lte=attempt).update(attempt=attempt, **news)


def directions_for(run: Run, attempt: int) -> list[WireDirection]:
    """What people directed and the attempt's engine has not taken, in order; each is repeated until it says so."""
    if run.kind != RunKind.TRY:
        return []
    waiting = Direction.objects.filter(tryout=run.pk, attempt=attempt, taken_at=None).order_by("number")
    return [WIRE.validate_python(row.data) for row in waiting[:MOST_AT_ONCE]]


def _news(event: wire.TryoutChanged, at: datetime) -> dict[str, Any]:
    left = event.idle_s_left
    news: dict[str, Any] = {
        "state": event.state,
        "heard_at": at,
        "taken": event.taken,
        "episode_key": clean_text(event.episode_id)[:80],
        "task_id": clean_text(event.task_id)[:200],
        "step": event.step,
        "instruction": clean_text(event.instruction),
        "judged": event.judged,
        "said": clean_text(event.note),
        "idle_at": timezone.now() + timedelta(seconds=left) if left is not None else None,
    }
    if event.screen is not None:
        news |= {"screen_width": event.screen[0], "screen_height": event.screen[1]}
    if event.frame is not None:
        news["frame"] = event.frame.sha256
    return news


def _settle(run: Run, attempt: int, event: wire.TryoutChanged) -> None:
    waiting = Direction.objects.filter(tryout=run.pk, attempt=attempt, number__lte=event.taken)
    waiting.filter(taken_at=None).update(taken_at=timezone.now())
    if event.refused:
        waiting.filter(number=event.taken, refused="").update(refused=clean_text(event.refused)[:2000])
