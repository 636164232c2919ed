"""What replay did in a run: what it remembered when, what it gave back, what it could not, and what was never solved.

Everything is reached through visible runs. Figures of it are drawn in `memory_figures.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, Exists, Max, OuterRef, Q, QuerySet, StdDev

from arpo_engine.contract.outcomes import SOLVED_ABOVE, Split
from webapp.accounts.permissions import Person
from webapp.episodes.models import Episode, Group, ReplayEntry, ReplayInjection, Step
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run

PAGE_SIZE = 50
STATES = {"remembered": Q(evicted_step=None), "evicted": Q(evicted_step__isnull=False)}
USUAL_STD, USUAL_MEAN = 0.05, 0.2
"""The published rule for a group that failed as a whole, for runs whose config does not say."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A success in the memory, from its admission until it left; None while it is there."""

    task_id: str
    admitted: int
    evicted: int | None


@dataclass(frozen=True, slots=True)
class Return:
    """A success that came back."""

    step: int
    age: int
    """Training steps since it was collected."""
    versions: int | None
    """Updates of the weights since then; None where a step is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything that the figures are drawn from."""

    stays: tuple[Stay, ...]
    returns: tuple[Return, ...]
    hopeless: Counter[int]
    """Step to the groups in it that had failed as a whole."""
    rescued: Counter[int]
    """Step to those of them that got a success back."""
    first: int
    last: int
    """The steps between which anything happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMemory:
    """What a task did and what is remembered of it."""

    task_id: str
    successes: int
    attempts: int
    faults: int
    last_solved: int | None
    stock: int
    admitted: int
    evicted: int
    returns: int
    last_return: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesPage:
    """A page of what was remembered, the newest first; `after` asks for the next one and is 0 on the last."""

    entries: list[ReplayEntry]
    after: int


def history_visible_to(person: Person, run: Run, *, with_groups: bool = True) -> History:
    """All stays and returns of a run, and the groups that failed as a whole, unless nobody asks for those."""
    told = _entries(person, run).order_by("pk").values_list("task_id", "admitted_step", "evicted_step")
    stays = tuple(Stay(*row) for row in told)
    returns = _returns(person, run)
    hopeless = _hopeless(person, run) if with_groups else Counter[int]()
    rescued = _rescued(person, run) if with_groups else Counter[int]()
    hopeless |= rescued  # a group that was rescued had failed, whatever became of its episodes' rows
    ends = [stay.evicted for stay in stays if stay.evicted is not None]
    steps = [*(stay.admitted for stay in stays), *ends, *(one.step for one in returns), *hopeless]
    last = max([*steps, run.step]) if steps else 0
    return History(
        stays=stays, returns=returns, hopeless=hopeless, rescued=rescued, first=min(steps, default=0), last=last
    )


def tasks_visible_to(person: Person, run: Run) -> list[TaskMemory]:
    """Every task that was practised or is remembered: those never solved first, then by what is remembered of them."""
    again = Episode.objects.filter(run=OuterRef("run"), attempt=OuterRef("attempt"), retry_of=OuterRef("key"))
    lost = ~Q(fault="") & ~Q(Exists(again))
    practised = _practised(person, run).exclude(ended_by="").values("task_id").order_by()
    tried = {
        row["task_id"]: row
        for row in practised.annotate(
            solved=Count("pk", filter=Q(score__gt=SOLVED_ABOVE)),
            scored=Count("pk", filter=Q(score__isnull=False)),
            lost=Count("pk", filter=lost),
            last_solved=Max("step", filter=Q(score__gt=SOLVED_ABOVE)),
        )
    }
    held = {
        row["task_id"]: row
        for row in _entries(person, run)
        .values("task_id")
        .order_by()
        .annotate(all=Count("pk"), stock=Count("pk", filter=Q(evicted_step=None)))
    }
    given = {
        row["task_id"]: row
        for row in _injections(person, run).values("task_id").order_by().annotate(times=Count("pk"), last=Max("step"))
    }
    nothing: dict[str, Any] = {}
    found = []
    for task in sorted(tried.keys() | held.keys() | given.keys()):
        did, has, gave = tried.get(task, nothing), held.get(task, nothing), given.get(task, nothing)
        stock, admitted = has.get("stock", 0), has.get("all", 0)
        found.append(
            TaskMemory(
                task_id=task, successes=did.get("solved", 0), attempts=did.get("scored", 0), faults=did.get("lost", 0),
                last_solved=did.get("last_solved"), stock=stock, admitted=admitted, evicted=admitted - stock,
                returns=gave.get("times", 0), last_return=gave.get("last"),
            )
        )  # fmt: skip
    found.sort(key=lambda one: (bool(one.successes), -one.stock, -one.returns, -one.attempts))
    return found


def entries_page_visible_to(person: Person, run: Run, task: str = "", state: str = "", after: int = 0) -> EntriesPage:
    """A page of what was remembered, with the episodes and how often each came back."""
    query = _entries(person, run)
    if task:
        query = query.filter(task_id__icontains=task)
    if state in STATES:
        query = query.filter(STATES[state])
    if after:
        query = query.filter(pk__lt=after)
    rows = list(query.select_related("episode").order_by("-pk")[: PAGE_SIZE + 1])
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return EntriesPage(entries=rows, after=rows[-1].pk if more else 0)


def returns_of_visible_to(person: Person, run: Run, entries: list[ReplayEntry]) -> dict[str, list[ReplayInjection]]:
    """For each of these successes the groups that it came back to, in order."""
    keys = [entry.episode_key for entry in entries]
    found: dict[str, list[ReplayInjection]] = {}
    for one in _injections(person, run).filter(source_key__in=keys).select_related("group").order_by("step", "pk"):
        found.setdefault(one.source_key, []).append(one)
    return found


def _returns(person: Person, run: Run) -> tuple[Return, ...]:
    told = _injections(person, run).order_by("step", "pk")
    rows = list(told.values_list("step", "age_steps", "source_step", "source_weight_version", "replaced_id"))
    replaced = [row[4] for row in rows if row[4] is not None]
    steps = Step.objects.filter(episode__in=replaced, index=0)
    now = dict(steps.values_list("episode_id", "weight_version"))
    return tuple(
        Return(
            step=step,
            age=step - source_step if age is None else age,
            versions=max(0, now[other] - version) if other in now else None,
        )
        for step, age, source_step, version, other in rows
    )


def _hopeless(person: Person, run: Run) -> Counter[int]:
    """Groups whose fresh tries all failed, by the run's own rule; counted by step."""
    rule = run.config.get("algorithm", {}).get("replay") or {}
    scored = _practised(person, run).filter(score__isnull=False).exclude(group_key="")
    groups = (
        scored.values("attempt", "group_key")
        .order_by()
        .annotate(mean=Avg("score"), spread=StdDev("score"), at=Max("step"))
    )
    failed = groups.filter(
        mean__lt=rule.get("inject_if_mean_below", USUAL_MEAN), spread__lt=rule.get("inject_if_std_below", USUAL_STD)
    )
    return Counter(failed.values_list("at", flat=True))


def _rescued(person: Person, run: Run) -> Counter[int]:
    groups = Group.objects.filter(run__in=runs_visible_to(person), run=run, injected__gt=0)
    return Counter(dict(groups.values("step").order_by().annotate(n=Count("pk")).values_list("step", "n")))


def _practised(person: Person, run: Run) -> QuerySet[Episode]:
    return Episode.objects.filter(run__in=runs_visible_to(person), run=run, split=Split.TRAIN.value)


def _entries(person: Person, run: Run) -> QuerySet[ReplayEntry]:
    return ReplayEntry.objects.filter(run__in=runs_visible_to(person), run=run)


def _injections(person: Person, run: Run) -> QuerySet[ReplayInjection]:
    return ReplayInjection.objects.filter(run__in=runs_visible_to(person), run=run)
