"""Groups of a run, of one step or narrowed over all of them, by keyset. Everything is reached through visible runs."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, Max, Min, OuterRef, Prefetch, Q, QuerySet

from arpo_engine.contract.outcomes import SOLVED_ABOVE
from webapp.accounts.permissions import Person
from webapp.episodes.models import Group, GroupMember, ReplayInjection
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run

PAGE_SIZE = 20


def _members(**which: object) -> Exists:
    return Exists(GroupMember.objects.filter(group=OuterRef("pk"), **which))


KINDS: dict[str, tuple[str, Q]] = {
    "teaching": ("something to learn from", Q(zero_gradient=False)),
    "zero-gradient": ("nothing to learn from", Q(zero_gradient=True)),
    "all-failed": ("all failed", Q(zero_gradient=True) & ~Q(_members(episode__score__gt=SOLVED_ABOVE))),
    "all-passed": ("all passed", Q(zero_gradient=True) & ~Q(_members(episode__score__lte=SOLVED_ABOVE))),
    "injected": ("rescued by replay", Q(injected__gt=0)),
    "faults": ("with faults", Q(faults__gt=0)),
}
"""Word in the address: what people read, and what it asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFilters:
    """What the list is narrowed to; the same words as in the address."""

    step: int | None = None
    kind: str = ""
    task: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything but the step is asked for."""
        return bool(self.kind or self.task)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsPage:
    """One page of the list: of one step in order, or of all steps, the newest first."""

    groups: list[Group]
    step: int | None
    """The step that is shown; None when groups of all steps are."""
    before: int | None
    """The nearest step with groups on either side of it, of those that fit."""
    after: int | None
    following: int
    """Asks for the next page; 0 on the last."""


def groups_page_visible_to(person: Person, run: Run, filters: GroupFilters, start: int = 0) -> GroupsPage:
    """A page of groups; with nothing asked for, those of the latest step."""
    query = _narrowed(Group.objects.filter(run__in=runs_visible_to(person), run=run), filters)
    step = filters.step
    if step is None and not filters.narrowed:
        step = query.aggregate(last=Max("step"))["last"]
    before = after = None
    rows = query
    if step is not None:
        before = query.filter(step__lt=step).aggregate(last=Max("step"))["last"]
        after = query.filter(step__gt=step).aggregate(first=Min("step"))["first"]
        rows = query.filter(step=step)
    if start:
        rows = rows.filter(pk__gt=start) if step is not None else rows.filter(pk__lt=start)
    found = list(with_members(rows).order_by("pk" if step is not None else "-pk")[: PAGE_SIZE + 1])
    more = len(found) > PAGE_SIZE
    found = found[:PAGE_SIZE]
    return GroupsPage(groups=found, step=step, before=before, after=after, following=found[-1].pk if more else 0)


def group_visible_to(person: Person, run: Run, key: str, attempt: int | None = None) -> Group | None:
    """One group by the engine's name of it; the latest attempt's, unless an attempt is named."""
    query = Group.objects.filter(run__in=runs_visible_to(person), run=run, key=key)
    if attempt is not None:
        query = query.filter(attempt=attempt)
    return with_members(query).order_by("-attempt").first()


def neighbours_visible_to(person: Person, run: Run, group: Group) -> tuple[Group | None, Group | None]:
    """The same task's groups before and after this one, in the order in which they were collected."""
    same = Group.objects.filter(run__in=runs_visible_to(person), run=run, task_id=group.task_id)
    return same.filter(pk__lt=group.pk).order_by("-pk").first(), same.filter(pk__gt=group.pk).order_by("pk").first()


def with_members(query: QuerySet[Group]) -> QuerySet[Group]:
    """With members, their episodes, and what replay put in."""
    members = GroupMember.objects.select_related("episode").order_by("position")
    injections = ReplayInjection.objects.select_related("source", "replaced")
    return query.prefetch_related(Prefetch("members", members), Prefetch("injections", injections))


def _narrowed(query: QuerySet[Group], filters: GroupFilters) -> QuerySet[Group]:
    if filters.kind in KINDS:
        query = query.filter(KINDS[filters.kind][1])
    return query.filter(task_id__icontains=filters.task) if filters.task else query
