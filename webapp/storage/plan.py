"""What the rules delete of a run and what they keep, and why: arithmetic on facts. Knows no database and no disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

PINNED = "pinned"


class Part(StrEnum):
    """What of a run can be deleted; everything else is its history and stays."""

    FRAMES = "screenshots"
    THIN = "screenshots between first, last and failing steps"
    CHECKPOINTS = "checkpoints"
    EVENTS = "lines of the event log"
    FOLDER = "files of the archived run's folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Days since a run's end (`folder_days`: in the archive) after which something of it is deleted; None: never."""

    event_days: int | None = None
    thin_days: int | None = None
    frame_days: int | None = None
    checkpoint_days: int | None = None
    keep_last: int = 1
    folder_days: int | None = None

    @property
    def first_day(self) -> int | None:
        """The age below which no run is touched but for its folder; None when nothing else is ever deleted."""
        days = (self.event_days, self.thin_days, self.frame_days, self.checkpoint_days)
        return min((day for day in days if day is not None), default=None)


@dataclass(frozen=True, slots=True)
class Amount:
    """So many of something, and their bytes; 0 bytes for what lies in the database."""

    count: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFacts:
    """A checkpoint as far as the rules look at it."""

    pk: int
    step: int
    attempt: int
    paths: tuple[str, ...]
    """Its folder, and that of its exported weights if there is one; relative to the run folder."""
    size: int
    best: bool
    needed_by: str
    """What starts from it and has not ended; empty when nothing does."""
    here: bool
    """Its folder lies in the run folder on this machine, and no link leads out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a run that ended holds."""

    run_id: str
    name: str
    age_days: float
    """Since it ended."""
    pinned: bool
    frames: Amount
    thinnable: Amount
    """Screenshots that no first, last, failing or noted step shows."""
    events: int
    checkpoints: tuple[CheckpointFacts, ...]
    archived_days: float | None = None
    """Since it was archived; None for a run that is not."""
    folder: Amount = Amount()
    """Files in its folder on this machine; none where there is no such folder."""
    folder_needed_by: str = ""
    """What begins with weights of its folder and has not ended; empty when nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One part of one run that is due."""

    run_id: str
    name: str
    part: Part
    amount: Amount
    checkpoints: tuple[CheckpointFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is old enough and stays nevertheless."""

    run_id: str
    name: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes and what stays, of one run or of many."""

    removals: tuple[Removal, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that it frees."""
        return sum(one.amount.size for one in self.removals)

    @property
    def runs(self) -> int:
        """Runs that lose something."""
        return len({one.run_id for one in self.removals})

    @property
    def pinned(self) -> int:
        """Runs that would lose something if nobody had pinned them."""
        return len({one.run_id for one in self.kept if one.why == PINNED})


def plan_of(runs: Sequence[RunFacts], rules: Rules) -> Plan:
    """The plan of many runs, largest removal first."""
    plans = [plan_run(run, rules) for run in runs]
    removals = [one for plan in plans for one in plan.removals]
    return Plan(
        tuple(sorted(removals, key=lambda one: (-one.amount.size, one.name, one.run_id))),
        tuple(one for plan in plans for one in plan.kept),
    )


def plan_run(run: RunFacts, rules: Rules) -> Plan:
    """What is due of one run. Of a pinned one nothing is."""

    def is_due(days: int | None) -> bool:
        return days is not None and run.age_days >= days

    whole = folder_is_due(run, rules)

    due: list[tuple[Part, Amount, tuple[CheckpointFacts, ...]]] = []
    kept: list[Kept] = []
    if is_due(rules.frame_days):
        due.append((Part.FRAMES, run.frames, ()))
    elif is_due(rules.thin_days):
        due.append((Part.THIN, run.thinnable, ()))
    if whole and not run.folder_needed_by:
        due.append((Part.FOLDER, run.folder, ()))
    elif whole and run.folder.count:
        kept = [Kept(run_id=run.run_id, name=run.name, what="its folder", why=f"{run.folder_needed_by} starts from it")]
    if is_due(rules.checkpoint_days) and not any(part is Part.FOLDER for part, _, _ in due):
        going, stay = _checkpoints(run, rules.keep_last)
        kept += stay
        due.append((Part.CHECKPOINTS, Amount(len(going), sum(one.size for one in going)), going))
    if is_due(rules.event_days):
        due.append((Part.EVENTS, Amount(run.events), ()))
    due = [one for one in due if one[1].count]
    if run.pinned:
        words = ", ".join(f"{amount.count} {part}" for part, amount, _ in due)
        return Plan(kept=(Kept(run_id=run.run_id, name=run.name, what=words, why=PINNED),) if due else ())
    return Plan(
        tuple(
            Removal(run_id=run.run_id, name=run.name, part=part, amount=amount, checkpoints=which)
            for part, amount, which in due
        ),
        tuple(kept),
    )


def folder_is_due(run: RunFacts, rules: Rules) -> bool:
    """Whether an archived run's folder goes as a whole, its checkpoints with it, unless something starts from them."""
    return rules.folder_days is not None and run.archived_days is not None and run.archived_days >= rules.folder_days


def _checkpoints(run: RunFacts, keep_last: int) -> tuple[tuple[CheckpointFacts, ...], list[Kept]]:
    newest = sorted(run.checkpoints, key=lambda one: (one.step, one.attempt), reverse=True)
    reasons = {one.pk: _why_kept(one, place, keep_last) for place, one in enumerate(newest)}
    stay = [path for one in newest if reasons[one.pk] for path in one.paths]
    for one in newest:
        if not reasons[one.pk] and any(_overlap(path, other) for path in one.paths for other in stay):
            reasons[one.pk] = "shares its folder with one that stays"
    kept = [
        Kept(run_id=run.run_id, name=run.name, what=f"checkpoint at step {one.step}", why=reasons[one.pk])
        for one in newest
        if reasons[one.pk]
    ]
    return tuple(one for one in newest if not reasons[one.pk]), kept


def _why_kept(one: CheckpointFacts, place: int, keep_last: int) -> str:
    if one.best:
        return "the best one"
    if place < keep_last:
        return "the latest one" if keep_last == 1 else f"among the latest {keep_last}"
    if one.needed_by:
        return f"{one.needed_by} starts from it"
    return "" if one.here else "not inside the run's folder on this machine"


def _overlap(one: str, other: str) -> bool:
    """Whether one folder is the other, or lies in it."""
    first, second = one.strip("/").split("/"), other.strip("/").split("/")
    shorter = min(len(first), len(second))
    return first[:shorter] == second[:shorter]
