"""What was recorded of a task at a step, or nearest to it, as far as a person may see it: before and after.

A *spot* is all tries of the task at one step, measured or trained on; evaluations of the run's checkpoints count with
the checkpoint's step. Within a spot the first try with screenshots is taken, not the best one: a film of the best try
of each side would show a difference where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from arpo_engine.contract.outcomes import SOLVED_ABOVE, Split
from webapp.accounts.permissions import Person
from webapp.episodes.models import Episode
from webapp.episodes.selectors import MEASURED_SPLITS
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Checkpoint, Run, RunKind

MOST_TASKS = 1000
MOST_RUNS = 50
MOST_TRIES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Tries of one task at one step; faults are not among them."""

    run_id: str
    split: str
    recorded_step: int
    """The episodes' own step; in an evaluation it says nothing."""
    step: int
    """The training step whose weights acted."""
    tries: int
    solved: int
    seen: int
    """Of the tries, those with a screenshot of their end."""

    @property
    def is_measured(self) -> bool:
        """Tried to measure it, not to train on it."""
        return self.split in MEASURED_SPLITS

    @property
    def words(self) -> str:
        """What kind of tries they are."""
        if self.split == Split.EVALUATION:
            return "evaluation"
        return "validation" if self.is_measured else "training"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was found for one side."""

    asked: int
    spot: Spot
    episode: Episode
    others: tuple[Episode, ...]
    """All tries of the spot in their order, the chosen one among them."""

    @property
    def off(self) -> int:
        """Steps between what was asked for and what there is."""
        return abs(self.spot.step - self.asked)

    @property
    def place(self) -> int:
        """Which try of its spot is taken; 1 is the first."""
        return [one.pk for one in self.others].index(self.episode.pk) + 1


def spots_of(person: Person, run: Run, task_id: str) -> list[Spot]:
    """Every spot of a task in a run and in the evaluations of its checkpoints, the earliest step first."""
    steps = _evaluations(person, run)
    rows = (
        Episode.objects.filter(run__in=[run.pk, *steps], task_id=task_id, fault="")
        .exclude(ended_by="")
        .order_by()
        .values_list("run_id", "split", "step")
        .annotate(
            tries=Count("pk"),
            solved=Count("pk", filter=Q(score__gt=SOLVED_ABOVE)),
            seen=Count("pk", filter=~Q(final_frame="")),
        )
    )
    own = _own_step(run)
    found = [
        Spot(
            run_id=run_id,
            split=split,
            recorded_step=step,
            step=steps.get(run_id, step if own is None else own),
            tries=tries,
            solved=solved,
            seen=seen,
        )
        for run_id, split, step, tries, solved, seen in rows
        if split != Split.SELECTION
    ]
    return sorted(found, key=lambda spot: (spot.step, not spot.is_measured, spot.run_id))


def nearest(spots: Iterable[Spot], step: int) -> Spot | None:
    """The spot to show for this step: with screenshots, then near, then measured rather than trained on."""
    order = sorted(spots, key=lambda one: (not one.seen, abs(one.step - step), not one.is_measured, one.step))
    return order[0] if order else None


def taken_at(spots: Iterable[Spot], task_id: str, step: int) -> Taken | None:
    """The first try with screenshots of the nearest spot; None where the task was never tried."""
    spot = nearest(spots, step)
    if spot is None:
        return None
    tries = Episode.objects.filter(
        run_id=spot.run_id, task_id=task_id, split=spot.split, step=spot.recorded_step, fault=""
    )
    others = tuple(tries.exclude(ended_by="").select_related("run").order_by("pk")[:MOST_TRIES])
    episode = next((one for one in others if one.final_frame), others[0] if others else None)
    return None if episode is None else Taken(asked=step, spot=spot, episode=episode, others=others)


def checkpoint_near(person: Person, run: Run, step: int) -> Checkpoint | None:
    """The checkpoint nearest to a step that can be evaluated; None where none can."""
    rows = Checkpoint.objects.filter(run__in=runs_visible_to(person), run=run).exclude(export_path="")
    return min(rows.order_by("-attempt"), key=lambda row: abs(row.step - step), default=None)


def tasks_tried(person: Person, run: Run) -> list[str]:
    """Ids of the tasks that a run tried, in order; of very many the first."""
    episodes = Episode.objects.filter(run__in=runs_visible_to(person), run=run).order_by("task_id")
    return list(episodes.values_list("task_id", flat=True).distinct()[:MOST_TASKS])


def likely_task(person: Person, run: Run) -> str:
    """A task that shows something: solved last of those that failed before, with screenshots; else any that was tried.

    Empty where none was tried.
    """
    episodes = Episode.objects.filter(run__in=runs_visible_to(person), run=run).order_by("-pk")
    seen = episodes.exclude(final_frame="")
    solved = seen.filter(score__gt=SOLVED_ABOVE)
    before = seen.filter(task_id=OuterRef("task_id"), step__lt=OuterRef("step"), score__lte=SOLVED_ABOVE)
    found = solved.filter(Exists(before)).first() or solved.first() or episodes.first()
    return found.task_id if found else ""


def runs_offered(person: Person, run: Run) -> list[Run]:
    """Other runs of the same team to lay beside it, the newest first."""
    others = runs_visible_to(person).filter(team=run.team_id, episodes_count__gt=0).exclude(pk=run.pk)
    return list(others.defer("config").order_by("-created_at")[:MOST_RUNS])


def _evaluations(person: Person, run: Run) -> dict[str, int]:
    """Evaluations of the run's checkpoints, with the step of each."""
    made = runs_visible_to(person).filter(kind=RunKind.EVALUATE, from_checkpoint__run=run)
    return dict(made.values_list("pk", "from_checkpoint__step"))


def _own_step(run: Run) -> int | None:
    """The step that all episodes of an evaluation stand for; None for a training, whose episodes tell their own."""
    if run.kind != RunKind.EVALUATE:
        return None
    return run.from_checkpoint.step if run.from_checkpoint is not None else 0
