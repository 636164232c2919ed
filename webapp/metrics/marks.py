"""What happened to a run, as marks for its charts: read from its events. Knows no figure and no request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from webapp.counted import counted
from webapp.metrics.columns import Curve
from webapp.metrics.series import StepRange
from webapp.runs.models import Run, RunEvent
from webapp.runs.rates import Rate
from webapp.runs.timeline import describe

MarkKind = Literal["checkpoint", "evaluation", "replay", "restart", "alert"]
MOST_EVENTS: Final = 300
"""The newest of them; more would be a line and no marks."""
MOST_RESCUES: Final = 60
"""Places at which replay is marked; steps between them are told together."""
REPLAY_KEY: Final = "replay/hits"

Data = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at a step. `step` is None where only the time is known."""

    kind: MarkKind
    step: int | None
    at: datetime
    words: str


class Told(NamedTuple):
    """Of an event what a mark needs."""

    kind: str
    attempt: int
    at: datetime
    data: Data


def marks_of(run: Run, replay: Curve | None = None, steps: StepRange | None = None) -> list[Mark]:
    """What happened in these steps, in the order of time. The caller has made sure that the run may be seen.

    `replay` is the curve of `REPLAY_KEY`: groups rescued by replay, which are too many to be read as events.
    """
    events = RunEvent.objects.filter(run_id=run.pk, kind__in=KINDS).order_by("-cursor")
    rows = events.values_list("kind", "attempt", "at", "data")[:MOST_EVENTS]
    told = [Told(*row) for row in rows]
    marks = [mark for one in told if (mark := TELLERS[one.kind](one)) is not None]
    marks += _rescues(replay) if replay is not None else []
    inside = [mark for mark in marks if steps is None or mark.step is None or steps[0] <= mark.step <= steps[1]]
    return sorted(inside, key=lambda mark: mark.at)


def _rescues(curve: Curve) -> list[Mark]:
    """Steps in which replay gave groups a remembered success; neighbours together where they are many."""
    found = curve.columns
    hits = [
        (step, at, mean * count)
        for step, at, mean, count in zip(found.step, found.at, found.mean, found.count, strict=True)
        if mean
    ]
    together = -(-len(hits) // MOST_RESCUES) if hits else 1
    return [
        Mark(
            kind="replay",
            step=some[-1][0],
            at=datetime.fromtimestamp(some[-1][1], UTC),
            words=_rescued(sum(groups for *_, groups in some), some[0][0], some[-1][0]),
        )
        for some in (hits[place : place + together] for place in range(0, len(hits), together))
    ]


def _rescued(groups: float, first: int, last: int) -> str:
    number = round(groups)
    what = f"replay rescued {counted(number, 'group')}"
    return what if first == last else f"{what} in steps {first} to {last}"


def _checkpoint(event: Told) -> Mark:
    best = ", the best so far" if event.data.get("best") else ""
    return _mark(event, "checkpoint", f"checkpoint of step {_step(event.data)}{best}")


def _evaluation(event: Told) -> Mark:
    data = event.data
    tasks = str(data.get("tasks") or data.get("split", "")).replace("_", " ")
    rate = Rate(successes=int(data.get("successes") or 0), attempts=int(data.get("attempts") or 0))
    return _mark(event, "evaluation", f"measured {tasks}: {rate.text}")


def _restart(event: Told) -> Mark | None:
    step = event.data.get("resumed_from_step")
    if event.attempt <= 1 and step is None:
        return None
    where = f"went on from step {step}" if step is not None else "began again"
    return Mark(kind="restart", step=int(step or 0), at=event.at, words=f"attempt {event.attempt} {where}")


def _alert(event: Told) -> Mark:
    words = str(event.data.get("message") or describe(event.kind, event.data).text)
    return _mark(event, "alert", words[:160])


def _mark(event: Told, kind: MarkKind, words: str) -> Mark:
    return Mark(kind=kind, step=_step(event.data), at=event.at, words=words)


def _step(data: Data) -> int | None:
    step = data.get("step")
    return int(step) if isinstance(step, int | float) else None


TELLERS: Final[dict[str, Callable[[Told], Mark | None]]] = {
    "CheckpointSaved": _checkpoint,
    "ValidationFinished": _evaluation,
    "RunStarted": _restart,
    "AttemptLost": _alert,
    "CollapseNoticed": _alert,
    "AlertRaised": _alert,
}
"""Kinds of events that a chart marks, and the words of each."""
KINDS: Final = tuple(TELLERS)
