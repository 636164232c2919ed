"""Reading episodes and groups. Everything is reached through runs that the person may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Max, Min, Prefetch, Q, QuerySet

from arpo_engine.contract.outcomes import Split
from webapp.accounts.permissions import Person
from webapp.episodes.models import Episode, Frame, Group, GroupMember, ReplayEntry, ReplayInjection, Step
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run

PAGE_SIZE = 50
WALL_SIZE = 20
WALL_LOOKS_AT = 160
"""Newest episodes among which the wall looks for some with screenshots: only a sample keeps them."""
MEASURED = "measured"
"""The word for all splits that are only measured."""
MEASURED_SPLITS = (Split.VALIDATION_TRAIN.value, Split.HELD_OUT.value, Split.EVALUATION.value)
OUTCOMES = {
    "solved": Q(score__gte=1),
    "not-solved": Q(score__lt=1),
    "fault": ~Q(fault=""),
    "unreadable": Q(ended_by="unreadable_reply"),
    "under-way": Q(ended_by=""),
}
MARKS = {
    "replayed": Q(injected_as__isnull=False),
    "remembered": Q(replay_entries__isnull=False),
    "retried": ~Q(retry_of=""),
    "seen": ~Q(final_frame=""),
}
"""What can be asked for besides the outcome; `seen` are those with screenshots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeFilters:
    """What the list is narrowed to; the same words as in the address."""

    task: str = ""
    task_id: str = ""
    """This task and no other, where `task` takes every one that is like it."""
    outcome: str = ""
    split: str = ""
    mark: str = ""
    step: int | None = None
    until: int | None = None
    """With it `step` is the first of several steps."""

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered out."""
        return bool(self.task or self.task_id or self.outcome or self.split or self.mark or self.step is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodesPage:
    """One page of the list; `after` asks for the next one and is 0 on the last."""

    episodes: list[Episode]
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One place of the wall: an episode and the last step of it that has a screenshot."""

    episode: Episode
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayState:
    """What replay remembers and what it gave back."""

    size: int
    stock: list[tuple[str, int]]
    hits: int
    rescued_steps: int
    rescues: list[ReplayInjection]


def episodes_page_visible_to(person: Person, run: Run, filters: EpisodeFilters, after: int = 0) -> EpisodesPage:
    """A page of a run's episodes, newest first, by keyset."""
    query = _episodes(person, run)
    if filters.task:
        query = query.filter(Q(task_id__icontains=filters.task) | Q(instruction__icontains=filters.task))
    if filters.outcome in OUTCOMES:
        query = query.filter(OUTCOMES[filters.outcome])
    if filters.task_id:
        query = query.filter(task_id=filters.task_id)
    if filters.split == MEASURED:
        query = query.filter(split__in=MEASURED_SPLITS)
    elif filters.split in list(Split):
        query = query.filter(split=filters.split)
    if filters.mark in MARKS:
        query = query.filter(MARKS[filters.mark]).distinct()
    if filters.step is not None and filters.until is not None:
        query = query.filter(step__gte=filters.step, step__lte=filters.until)
    elif filters.step is not None:
        query = query.filter(step=filters.step)
    if after:
        query = query.filter(pk__lt=after)
    rows = list(_marked(query).order_by("-pk")[: PAGE_SIZE + 1])
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return EpisodesPage(episodes=rows, after=rows[-1].pk if more else 0)


def latest_episodes_visible_to(person: Person, run: Run, limit: int = 8) -> list[Episode]:
    """The newest episodes that ended, those with screenshots first among equals."""
    ended = _episodes(person, run).exclude(ended_by="").order_by("-ended_at")
    return list(_marked(ended)[:limit])


def wall_visible_to(person: Person, run: Run, size: int = WALL_SIZE) -> list[Tile]:
    """The newest episodes with screenshots that have arrived, those under way first."""
    newest = list(_episodes(person, run).order_by("-pk")[:WALL_LOOKS_AT])
    here = Frame.objects.filter(run=run, stored_at__isnull=False)
    shown = Step.objects.filter(episode__in=newest, frame__in=here.values("sha256"))
    last = {step.episode_id: step for step in shown.order_by("episode_id", "-index").distinct("episode_id")}
    with_frames = [episode for episode in newest if episode.pk in last]
    with_frames.sort(key=lambda episode: (bool(episode.ended_by), -episode.pk))
    return [Tile(episode=episode, step=last[episode.pk]) for episode in with_frames[:size]]


def episode_visible_to(person: Person, run: Run, key: str) -> Episode | None:
    """One episode by the engine's name of it, with its steps; the latest attempt's if a name was used again."""
    query = _marked(_episodes(person, run).filter(key=key)).prefetch_related("steps")
    return query.order_by("-attempt").first()


def siblings_visible_to(person: Person, run: Run, episode: Episode) -> list[GroupMember]:
    """The episode's group as it was trained on, in order; empty while the group is not complete."""
    members = GroupMember.objects.filter(
        group__run__in=runs_visible_to(person), group__run=run, group__attempt=episode.attempt
    )
    return list(members.filter(group__key=episode.group_key).select_related("episode", "group").order_by("position"))


def others_like_visible_to(person: Person, run: Run, episode: Episode, limit: int = 16) -> list[Episode]:
    """Other tries of the same task at the same step, for an episode that was measured and not trained on."""
    query = _episodes(person, run).filter(
        attempt=episode.attempt, task_id=episode.task_id, split=episode.split, step=episode.step
    )
    return list(query.order_by("pk")[:limit])


def group_step_visible_to(person: Person, run: Run, step: int | None) -> tuple[int | None, int | None, int | None]:
    """The step to show groups of (the latest one if none is named), the one before it and the one after it."""
    groups = Group.objects.filter(run__in=runs_visible_to(person), run=run)
    shown = step if step is not None else groups.aggregate(last=Max("step"))["last"]
    if shown is None:
        return None, None, None
    before = groups.filter(step__lt=shown).aggregate(last=Max("step"))["last"]
    after = groups.filter(step__gt=shown).aggregate(first=Min("step"))["first"]
    return shown, before, after


def groups_visible_to(person: Person, run: Run, step: int) -> list[Group]:
    """The groups of one training step with their members and what replay put in."""
    groups = Group.objects.filter(run__in=runs_visible_to(person), run=run, step=step)
    members = GroupMember.objects.select_related("episode").order_by("position")
    injections = ReplayInjection.objects.select_related("source", "replaced")
    return list(
        groups.prefetch_related(Prefetch("members", members), Prefetch("injections", injections)).order_by(
            "attempt", "pk"
        )
    )


def replay_visible_to(person: Person, run: Run, rescues: int = 6) -> ReplayState:
    """What is remembered now, for which tasks, and the latest groups that it rescued."""
    visible = runs_visible_to(person)
    held = ReplayEntry.objects.filter(run__in=visible, run=run, evicted_step=None)
    stock = held.values_list("task_id").annotate(number=Count("pk")).order_by("-number", "task_id")
    injections = ReplayInjection.objects.filter(run__in=visible, run=run)
    counts = injections.aggregate(hits=Count("pk"), steps=Count("step", distinct=True))
    latest = injections.select_related("source", "replaced", "group").order_by("-pk")[:rescues]
    pairs = list(stock)
    return ReplayState(
        size=sum(number for _, number in pairs),
        stock=pairs,
        hits=counts["hits"],
        rescued_steps=counts["steps"],
        rescues=list(latest),
    )


def injections_by_source(episodes: Iterable[Episode]) -> dict[str, list[ReplayInjection]]:
    """For each of these episodes the groups that it was replayed into."""
    found: dict[str, list[ReplayInjection]] = {}
    for injection in ReplayInjection.objects.filter(source__in=list(episodes)).select_related("group"):
        found.setdefault(injection.source_key, []).append(injection)
    return found


def _episodes(person: Person, run: Run) -> QuerySet[Episode]:
    return Episode.objects.filter(run__in=runs_visible_to(person), run=run)


def _marked(query: QuerySet[Episode]) -> QuerySet[Episode]:
    """With how often each was replayed and whether it is remembered, for the marks in lists."""
    return query.annotate(
        times_replayed=Count("injected_as", distinct=True), times_remembered=Count("replay_entries", distinct=True)
    )
