"""Where a run comes from and what came of it: parents, attempts, checkpoints with what began at each, its siblings.

Scoped to the person: what another team made of a run that both may see is not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from webapp.accounts.permissions import Person
from webapp.runs.access import runs_visible_to
from webapp.runs.counting import rates_of_each
from webapp.runs.models import Checkpoint, Run, RunKind
from webapp.runs.rates import Faults, Rate

LONGEST_LINE = 20
"""Ancestors that are shown; a longer line is cut at its old end."""
MOST_CHILDREN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An evaluation of a checkpoint, with what it found."""

    run: Run
    success: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A checkpoint and the runs that began with its weights."""

    checkpoint: Checkpoint
    measured: tuple[Measured, ...]
    continued: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What the section shows."""

    ancestors: tuple[Run, ...]
    """The oldest first, the parent last."""
    begun_at: Checkpoint | None
    """The checkpoint whose weights it measures or began with."""
    saved: tuple[Saved, ...]
    """Checkpoints, the latest first."""
    clones: tuple[Run, ...]
    """Runs that came from it, but from none of its checkpoints."""
    siblings: int
    """Other runs of its sweep."""

    @property
    def tells_rates(self) -> bool:
        """Whether a checkpoint of it was measured by a run of its own."""
        return any(one.measured for one in self.saved)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.ancestors or self.saved or self.clones or self.siblings)


def lineage_visible_to(person: Person, run: Run, counting: Faults = Faults.LEFT_OUT) -> Lineage:
    """The lineage of a run that the person may see."""
    children = list(
        runs_visible_to(person)
        .filter(parent=run)
        .select_related("owner", "from_checkpoint")
        .defer("config")
        .order_by("created_at")[:MOST_CHILDREN]
    )
    rates = rates_of_each([child for child in children if child.kind == RunKind.EVALUATE], counting)
    checkpoints = Checkpoint.objects.filter(run=run).order_by("-step", "-attempt")
    siblings = runs_visible_to(person).filter(sweep=run.sweep_id).exclude(pk=run.pk).count() if run.sweep_id else 0
    return Lineage(
        ancestors=_ancestors(person, run),
        begun_at=run.from_checkpoint,
        saved=tuple(_saved(checkpoint, children, rates) for checkpoint in checkpoints),
        clones=tuple(child for child in children if child.from_checkpoint_id is None),
        siblings=siblings,
    )


def _ancestors(person: Person, run: Run) -> tuple[Run, ...]:
    line: list[Run] = []
    seen = {run.pk}
    parent_id = run.parent_id
    while parent_id and parent_id not in seen and len(line) < LONGEST_LINE:
        parent = runs_visible_to(person).filter(pk=parent_id).defer("config").first()
        if parent is None:
            break
        line.insert(0, parent)
        seen.add(parent.pk)
        parent_id = parent.parent_id
    return tuple(line)


def _saved(checkpoint: Checkpoint, children: list[Run], rates: Mapping[str, Mapping[str, Rate]]) -> Saved:
    own = [child for child in children if child.from_checkpoint_id == checkpoint.pk]
    return Saved(
        checkpoint=checkpoint,
        measured=tuple(Measured(run=child, success=rates[child.pk]["success"]) for child in own if child.pk in rates),
        continued=tuple(child for child in own if child.kind == RunKind.TRAIN),
    )
