"""Two evaluations side by side, task by task: what each solved of how many tries, and which tasks changed.

Only tasks that both tried are summed up, infeasible ones apart. Knows no HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from django.db.models import Exists, OuterRef

from webapp.accounts.permissions import Person
from webapp.episodes.models import Episode, Validation
from webapp.runs.access import run_visible_to, runs_visible_to
from webapp.runs.models import Run, RunKind
from webapp.runs.rates import Rate
from webapp.runs.timeline import SETS

MOST_OFFERED = 50
"""Newest other evaluations that are offered to compare with."""

Change = Literal["better", "worse", "same", "only this", "only other"]
ORDER: tuple[Change, ...] = ("better", "worse", "same", "only this", "only other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A task in both evaluations; a side is None where it was not tried, or every try was lost to a fault."""

    task_id: str
    infeasible: bool
    here: Rate | None
    there: Rate | None

    @property
    def change(self) -> Change:
        """How this evaluation stands to the other one."""
        if self.here is None or self.there is None:
            return "only other" if self.here is None else "only this"
        # Whole numbers, so that 1 of 3 and 2 of 6 are the same.
        ours, theirs = self.here.successes * self.there.attempts, self.there.successes * self.here.attempts
        return "same" if ours == theirs else "better" if ours > theirs else "worse"

    @property
    def clear(self) -> bool:
        """Whether the two intervals do not even touch."""
        mine = self.here.interval if self.here else None
        other = self.there.interval if self.there else None
        return mine is not None and other is not None and (mine[0] > other[1] or other[0] > mine[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOfPairs:
    """One set of tasks; `here` and `there` are sums over the feasible tasks that both tried."""

    name: str
    pairs: tuple[Pair, ...]
    here: Rate
    there: Rate
    counts: tuple[tuple[Change, int], ...]
    """How many of all tasks changed how, infeasible ones left out."""


def others_visible_to(person: Person, run: Run) -> list[Run]:
    """Evaluations of the same team that measured something, the newest first."""
    measured = Validation.objects.filter(run=OuterRef("pk"))
    found = runs_visible_to(person).filter(Exists(measured), team=run.team_id, kind=RunKind.EVALUATE)
    return list(found.exclude(pk=run.pk).order_by("-created_at")[:MOST_OFFERED])


def other_visible_to(person: Person, run: Run, run_id: str) -> Run | None:
    """One such evaluation; None when it is of another team, no evaluation, or not there."""
    other = run_visible_to(person, run_id)
    fits = other is not None and other.team_id == run.team_id and other.kind == RunKind.EVALUATE and other.pk != run.pk
    return other if fits else None


def compare(here: Run, there: Run) -> list[SetOfPairs]:
    """Every set of tasks that both measured; the person must be known to see both."""
    ours, theirs = _newest_by_task(here), _newest_by_task(there)
    tried = Episode.objects.filter(run__in=[here, there], infeasible=True)
    infeasible = frozenset(tried.values_list("task_id", flat=True).distinct())
    return [
        set_of_pairs(SETS.get(split, split), ours[split], theirs[split], infeasible)
        for split in sorted(ours.keys() & theirs.keys(), reverse=True)
    ]


def set_of_pairs(
    name: str, ours: Mapping[str, Rate], theirs: Mapping[str, Rate], infeasible: Iterable[str] = ()
) -> SetOfPairs:
    """The pairs in order: what changed first, the clearest before the others, infeasible tasks last."""
    apart = frozenset(infeasible)
    pairs = [
        Pair(task_id=task, infeasible=task in apart, here=ours.get(task), there=theirs.get(task))
        for task in sorted(ours.keys() | theirs.keys())
    ]
    pairs.sort(key=lambda pair: (pair.infeasible, ORDER.index(pair.change), not pair.clear))
    feasible = [pair for pair in pairs if not pair.infeasible]
    both = [(pair.here, pair.there) for pair in feasible if pair.here is not None and pair.there is not None]
    changes = [pair.change for pair in feasible]
    return SetOfPairs(
        name=name,
        pairs=tuple(pairs),
        here=_sum(here for here, _ in both),
        there=_sum(there for _, there in both),
        counts=tuple((change, changes.count(change)) for change in ORDER if change in changes),
    )


def _sum(sides: Iterable[Rate]) -> Rate:
    every = list(sides)
    return Rate(successes=sum(side.successes for side in every), attempts=sum(side.attempts for side in every))


def _newest_by_task(run: Run) -> dict[str, dict[str, Rate]]:
    """Split to its newest measurement; a task without a scored try is left out."""
    found: dict[str, dict[str, Rate]] = {}
    for measured in Validation.objects.filter(run=run).order_by("-at", "-pk"):
        sides = {
            task: Rate(successes=successes, attempts=attempts)
            for task, (successes, attempts) in measured.by_task.items()
            if attempts
        }
        found.setdefault(measured.split, sides)
    return found
