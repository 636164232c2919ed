"""The shapes of the read API: what of a row is public, and under which name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Self

from ninja import Schema

from webapp.metrics.columns import Columns, Curve, odd_words
from webapp.runs.models import Run, RunEvent


class RunLine(Schema):
    """A run as one line of the list."""

    id: str
    name: str
    kind: str
    team: str
    owner: str
    preset: str
    tags: list[str]
    status: str
    status_reason: str
    step: int
    total_steps: int
    successes: int
    attempts: int
    held_out_successes: int
    held_out_attempts: int
    replay_size: int
    is_example: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, run: Run) -> Self:
        """The line of this run, whose team and owner are loaded."""
        return cls(**_line(run))


class RunDetail(RunLine):
    """All of a run that fits into one answer."""

    config: dict[str, Any]
    config_hash: str
    directive: str
    phase: str
    phase_detail: str
    eta_s: float | None
    cursor: int
    parent: str | None

    @classmethod
    def of(cls, run: Run) -> Self:
        """The detail of this run, whose team and owner are loaded."""
        return cls(
            **_line(run),
            config=run.config,
            config_hash=run.config_hash,
            directive=run.directive,
            phase=run.phase,
            phase_detail=run.phase_detail,
            eta_s=run.eta_s,
            cursor=run.last_cursor,
            parent=run.parent_id,
        )


class RunPage(Schema):
    """A part of the list; `next` is the `before` of the following part."""

    runs: list[RunLine]
    next: str | None


class SamplePoint(Schema):
    """One place on a curve; `mean` is null where the engine had no finite number."""

    step: int
    at: datetime
    mean: float | None
    min: float | None
    max: float | None
    count: int
    gaps: int
    not_finite: str | None
    """What stood where no finite number did, such as `NaN`, if that is known."""


class CurveSegment(Schema):
    """What one attempt contributed."""

    attempt: int
    superseded_from: int | None
    points: list[SamplePoint]


class CurveData(Schema):
    """A key's curve; `width` is the number of steps in each point."""

    key: str
    width: int
    segments: list[CurveSegment]


def curve_tree(curve: Curve) -> dict[str, Any]:
    """A curve in the shape of `CurveData`."""
    segments = [
        {
            "attempt": segment.attempt,
            "superseded_from": segment.superseded_from,
            "points": _points(segment.columns),
        }
        for segment in curve.segments
    ]
    return {"key": curve.key, "width": curve.width, "segments": segments}


class EventData(Schema):
    """One event of the run's log."""

    cursor: int
    attempt: int
    seq: int
    kind: str
    at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, event: RunEvent) -> Self:
        """The event as data."""
        return cls(
            cursor=event.cursor,
            attempt=event.attempt,
            seq=event.seq,
            kind=event.kind,
            at=event.at,
            data=event.data,
        )


class EventPage(Schema):
    """Events in order; ask again with `since` = `cursor` for what follows."""

    events: list[EventData]
    cursor: int
    more: bool


class Said(Schema):
    """What happens now, in words."""

    message: str
    status: str


def _line(run: Run) -> dict[str, Any]:
    return {
        "id": run.pk,
        "name": run.name,
        "kind": run.kind,
        "team": run.team.slug,
        "owner": run.owner.username,
        "preset": run.preset,
        "tags": run.tags,
        "status": run.status,
        "status_reason": run.status_reason,
        "step": run.step,
        "total_steps": run.total_steps,
        "successes": run.successes,
        "attempts": run.attempts_count,
        "held_out_successes": run.held_out_successes,
        "held_out_attempts": run.held_out_attempts,
        "replay_size": run.replay_size,
        "is_example": run.is_example,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def _points(columns: Columns) -> list[dict[str, Any]]:
    rows = zip(
        columns.step, columns.at, columns.mean, columns.minimum, columns.maximum, columns.count, columns.gaps,
        columns.odd, strict=True,
    )  # fmt: skip
    return [
        {
            "step": step,
            "at": datetime.fromtimestamp(at, UTC),
            "mean": mean,
            "min": low,
            "max": high,
            "count": count,
            "gaps": gaps,
            "not_finite": odd_words(odd) if odd else None,
        }
        for step, at, mean, low, high, count, gaps, odd in rows
    ]
