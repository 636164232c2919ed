"""What happened to a run, as marks for its charts: read from its events, scoped to the person. Knows no figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from webapp.accounts.permissions import Person
from webapp.metrics.series import StepRange, series
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run, RunEvent
from webapp.runs.templatetags.console import success
from webapp.runs.timeline import describe

MarkKind = Literal["checkpoint", "evaluation", "replay", "restart", "alert"]
MOST_OF_A_KIND: Final = 100
"""The newest of a kind; more would be a line and no marks."""
MOST_RESCUES: Final = 60
"""Places at which replay is marked; steps between them are told together."""
REPLAY_KEY: Final = "replay/hits"

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at a step. `step` is None where only the time is known."""

    kind: MarkKind
    step: int | None
    at: datetime
    words: str


def marks_visible_to(person: Person, run: Run, steps: StepRange | None = None) -> list[Mark]:
    """What happened in these steps, in the order of time; nothing of a run that the person may not see."""
    events = RunEvent.objects.filter(run__in=runs_visible_to(person), run=run)
    marks: list[Mark] = []
    for kind, teller in TELLERS.items():
        newest = events.filter(kind=kind).order_by("-cursor")[:MOST_OF_A_KIND]
        marks += [mark for event in newest if (mark := teller(event)) is not None]
    if marks or runs_visible_to(person).filter(pk=run.pk).exists():
        marks += _rescues(run, steps)
    inside = [mark for mark in marks if steps is None or mark.step is None or steps[0] <= mark.step <= steps[1]]
    return sorted(inside, key=lambda mark: mark.at)


def _rescues(run: Run, steps: StepRange | None) -> list[Mark]:
    """Steps in which replay gave groups a remembered success."""
    curve = series(run.pk, [REPLAY_KEY], MOST_RESCUES, steps).get(REPLAY_KEY)
    if curve is None:
        return []
    found = curve.columns
    return [
        Mark(
            kind="replay",
            step=step,
            at=datetime.fromtimestamp(at, UTC),
            words=_rescued(mean * count, curve.width, step),
        )
        for step, at, mean, count in zip(found.step, found.at, found.mean, found.count, strict=True)
        if mean
    ]


def _rescued(groups: float, width: int, step: int) -> str:
    number = round(groups)
    what = f"replay rescued {number} group{'' if number == 1 else 's'}"
    return what if width == 1 else f"{what} in the {width} steps to {step}"


def _checkpoint(event: RunEvent) -> Mark:
    best = ", the best so far" if event.data.get("best") else ""
    return _mark(event, "checkpoint", f"checkpoint of step {_step(event.data)}{best}")


def _evaluation(event: RunEvent) -> Mark:
    data = event.data
    tasks = str(data.get("tasks") or data.get("split", "")).replace("_", " ")
    share = success(int(data.get("successes") or 0), int(data.get("attempts") or 0))
    return _mark(event, "evaluation", f"measured {tasks}: {share}")


def _restart(event: RunEvent) -> Mark | None:
    step = event.data.get("resumed_from_step")
    if event.attempt <= 1 and step is None:
        return None
    where = f"went on from step {step}" if step is not None else "began again"
    return Mark(kind="restart", step=int(step or 0), at=event.at, words=f"attempt {event.attempt} {where}")


def _alert(event: RunEvent) -> Mark:
    words = str(event.data.get("message") or describe(event.kind, event.data).text)
    return _mark(event, "alert", words[:160])


def _mark(event: RunEvent, kind: MarkKind, words: str) -> Mark:
    return Mark(kind=kind, step=_step(event.data), at=event.at, words=words)


def _step(data: Data) -> int | None:
    step = data.get("step")
    return int(step) if isinstance(step, int | float) else None


TELLERS: Final[dict[str, Callable[[RunEvent], Mark | None]]] = {
    "CheckpointSaved": _checkpoint,
    "ValidationFinished": _evaluation,
    "RunStarted": _restart,
    "AttemptLost": _alert,
    "CollapseNoticed": _alert,
    "AlertRaised": _alert,
}
"""Kinds of events that a chart marks, and the words of each."""
