"""Which tasks a run practises and why, from its events, scoped to the person. Knows no HTML and no engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from arpo_engine.contract.selection import IN_WORDS, Choice, JudgedTask, Verdict
from webapp.accounts.permissions import Person
from webapp.counted import counted
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run, RunEvent

FOLDED_ABOVE = 12
"""A list with more tasks than this is closed until somebody opens it."""
TONES = {Verdict.CHOSEN: ("check", "good"), Verdict.NOT_MEASURED: ("warning", "warn")}
"""Icon and tone of a verdict; the others are plain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task of the list."""

    task: JudgedTask
    verdict: str
    icon: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many tasks have a verdict."""

    verdict: str
    count: int
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the choice has come."""

    done: int
    total: int
    eta_s: float | None
    ends_at: datetime | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the panel shows: the choice, or how far it has come, or neither yet."""

    rule: str
    counts: tuple[Tally, ...] = ()
    infeasible: tuple[Tally, ...] = ()
    rows: tuple[TaskRow, ...] = ()
    kept: bool = False
    under_way: Progress | None = None

    @property
    def folded(self) -> bool:
        """Whether the list is too long to be open from the start."""
        return len(self.rows) > FOLDED_ABOVE


def selection_visible_to(person: Person, run: Run) -> Selection | None:
    """The newest choice of the run's tasks, or its progress; None for a run that practises all of them."""
    asked = (run.config.get("tasks") or {}).get("selection") or {}
    if asked.get("kind") != "learnable" or run.kind != "train":
        return None
    events = RunEvent.objects.filter(run__in=runs_visible_to(person), run=run)
    made = events.filter(kind="TasksSelected").order_by("-cursor").first()
    if made is not None:
        try:
            return _made(Choice.model_validate(made.data.get("choice")), kept=bool(made.data.get("kept")))
        except ValidationError:
            return None
    phase = events.filter(kind="PhaseChanged", data__phase="selecting").order_by("-cursor").first()
    return Selection(
        rule=_rule(int(asked.get("attempts", 0)), asked.get("success_above"), asked.get("success_below")),
        under_way=_under_way(phase) if phase is not None else None,
    )


def _made(choice: Choice, *, kept: bool) -> Selection:
    rows = []
    for task in sorted(choice.tasks, key=lambda task: (list(Verdict).index(task.verdict), task.infeasible)):
        icon, tone = TONES.get(task.verdict, ("", ""))
        rows.append(TaskRow(task=task, verdict=IN_WORDS[task.verdict], icon=icon, tone=tone))
    return Selection(
        rule=_rule(choice.rule.attempts, choice.rule.success_above, choice.rule.success_below),
        counts=_tallies(choice, infeasible=False),
        infeasible=_tallies(choice, infeasible=True),
        rows=tuple(rows),
        kept=kept,
    )


def _tallies(choice: Choice, *, infeasible: bool) -> tuple[Tally, ...]:
    return tuple(
        Tally(verdict=IN_WORDS[verdict], count=count, tone=TONES.get(verdict, ("", ""))[1])
        for verdict, count in choice.counts(infeasible=infeasible).items()
    )


def _rule(attempts: int, above: float | None, below: float | None) -> str:
    """`solved at least once and not always, in 16 tries of each task`."""
    bounds = []
    if above is not None:
        bounds.append("at least once" if above == 0 else f"in more than {100 * above:g} % of its tries")
    if below is not None:
        bounds.append("not always" if below == 1 else f"in less than {100 * below:g} % of its tries")
    solved = f"solved {' and '.join(bounds)}" if bounds else "measured"
    return f"{solved}, tried {counted(attempts, 'time')} with the policy that the run starts from"


def _under_way(event: RunEvent) -> Progress:
    eta_s = event.data.get("eta_s")
    return Progress(
        done=int(event.data.get("done") or 0),
        total=int(event.data.get("total") or 0),
        eta_s=eta_s,
        ends_at=event.at + timedelta(seconds=float(eta_s)) if eta_s is not None else None,
        detail=str(event.data.get("detail", "")),
    )
