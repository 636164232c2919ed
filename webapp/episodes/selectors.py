"""Reading episodes. Everything is reached through runs that the person may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from arpo_engine.contract.outcomes import SOLVED_ABOVE, Split
from webapp.accounts.permissions import Person
from webapp.episodes.models import Episode, Frame, Group, GroupMember, ReplayEntry, ReplayInjection, Step, StepNote
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run

PAGE_SIZE = 50
WALL_SIZE = 20
WALL_LOOKS_AT = 160
"""Newest episodes among which the wall looks for some with screenshots: only a sample keeps them."""
LATEST_LOOKS_AT = 512
"""More episodes than these are never under way at once."""
MEASURED = "measured"
"""The word for all splits that are only measured."""
MEASURED_SPLITS = (Split.VALIDATION_TRAIN.value, Split.HELD_OUT.value, Split.EVALUATION.value)
OUTCOMES = {
    "solved": Q(score__gt=SOLVED_ABOVE),
    "not-solved": Q(score__lte=SOLVED_ABOVE),
    "fault": ~Q(fault=""),
    "unreadable": Q(ended_by="unreadable_reply"),
    "under-way": Q(ended_by=""),
}
MARKS = {
    "replayed": Q(Exists(ReplayInjection.objects.filter(source=OuterRef("pk")))),
    "remembered": Q(Exists(ReplayEntry.objects.filter(episode=OuterRef("pk")))),
    "retried": ~Q(retry_of=""),
    "seen": ~Q(final_frame=""),
    "noted": Q(Exists(StepNote.objects.filter(episode=OuterRef("pk")))),
}
"""What can be asked for besides the outcome; `seen` are those with screenshots, `noted` those that people wrote at."""


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
        query = query.filter(MARKS[filters.mark])
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
    """The newest episodes that ended, in the order in which they did; looked for among those that began last."""
    newest = _episodes(person, run).order_by("-pk").values("pk")[:LATEST_LOOKS_AT]
    ended = Episode.objects.filter(pk__in=newest).exclude(ended_by="").order_by("-ended_at", "-pk")
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
    """One episode by the engine's name of it; the latest attempt's if a name was used again."""
    query = _marked(_episodes(person, run).filter(key=key))
    return query.order_by("-attempt").first()


def bare_episode_visible_to(person: Person, run: Run, key: str) -> Episode | None:
    """The same without its marks, for who only wants its steps."""
    return _episodes(person, run).filter(key=key).order_by("-attempt").first()


def note_visible_to(person: Person, episode: Episode, note_id: int) -> StepNote | None:
    """One note of an episode that was found visible; None when it is gone already."""
    notes = StepNote.objects.filter(episode=episode, episode__run__in=runs_visible_to(person))
    return notes.select_related("episode").filter(pk=note_id).first()


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


def lost_of_group_visible_to(person: Person, run: Run, group: Group) -> list[Episode]:
    """Tries that were collected for a group and lost to a fault, those that were run again among them."""
    lost = _episodes(person, run).filter(attempt=group.attempt, step=group.step, group_key=group.key)
    return list(lost.exclude(fault="").order_by("pk")[:PAGE_SIZE])


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
    # Counted for each row that is shown: a join would count for all of them before the page is cut off.
    replayed = ReplayInjection.objects.filter(source=OuterRef("pk")).order_by().values("source")
    remembered = ReplayEntry.objects.filter(episode=OuterRef("pk")).order_by().values("episode")
    return query.annotate(
        times_replayed=Coalesce(Subquery(replayed.annotate(n=Count("pk")).values("n")), 0),
        times_remembered=Coalesce(Subquery(remembered.annotate(n=Count("pk")).values("n")), 0),
    )
