"""Which runs an address names or asks for, as far as whoever asks may see them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from webapp.accounts.models import Team
from webapp.accounts.permissions import Person
from webapp.analysis.models import SeenTask
from webapp.runs.access import runs_of_team_visible_to, runs_visible_to
from webapp.runs.history.language import parse
from webapp.runs.history.pages import narrowed
from webapp.runs.models import RUN_ID_LENGTH, Run, RunKind

MOST_RUNS: Final = 20
RECENT: Final = 8
OFFERED: Final = 30
"""Newest runs with tries that a picker offers."""
MOST_NAMED: Final = 200
"""Ids that an address is read for; what is beyond is counted and not looked up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The runs of an address, in its order."""

    runs: tuple[Run, ...]
    unseen: int = 0
    """Ids that name no run, or one of a team that the person is not in; the two look the same from outside."""
    found: tuple[Run, ...] = ()
    """Those among the runs that a query found, and no id names."""
    more_found: bool = False
    """Whether the query is about more runs than there are columns for."""

    @property
    def ids(self) -> list[str]:
        """Their ids."""
        return [run.pk for run in self.runs]


def named_ids(words: Iterable[str]) -> list[str]:
    """The ids in the words of an address, each once; `a,b` and `runs=a&runs=b` are the same."""
    return list(dict.fromkeys(part for word in words for part in word.replace(" ", "").split(",") if part))


def chosen_from(visible: QuerySet[Run], ids: list[str]) -> Chosen:
    """The runs of these ids among those that may be seen."""
    plain = [word for word in ids[:MOST_NAMED] if len(word) == RUN_ID_LENGTH and word.isascii() and word.isalnum()]
    found = {run.pk: run for run in visible.filter(pk__in=plain).select_related("team", "owner")}
    runs = tuple(found[word] for word in plain if word in found)
    return Chosen(runs=runs, unseen=len(ids) - len(runs))


def runs_named_visible_to(person: Person, ids: list[str]) -> Chosen:
    """The runs of these ids that the person may see."""
    return chosen_from(runs_visible_to(person), ids)


def with_found_visible_to(person: Person, team: Team, chosen: Chosen, query: str) -> Chosen:
    """The chosen runs, and behind them those of the team's list that the query is about, as far as there is room.

    Of many the newest are taken; they stand from old to new, as time runs. Runs that tried no task are left out.

    Raises:
        QueryError: the query cannot be read, or asks for something that is not there.
    """
    tried = Exists(SeenTask.objects.filter(run=OuterRef("pk")))
    runs = narrowed(runs_of_team_visible_to(person, team), parse(query), person, timezone.now())
    others = runs.filter(tried).exclude(pk__in=chosen.ids).order_by("-created_at", "-pk")
    room = max(0, MOST_RUNS - len(chosen.runs))
    ids = list(others.values_list("pk", flat=True)[: room + 1])
    rows = Run.objects.filter(pk__in=ids[:room]).defer("config").select_related("team", "owner").in_bulk()
    found = tuple(rows[pk] for pk in reversed(ids[:room]) if pk in rows)
    return replace(chosen, runs=(*chosen.runs, *found), found=found, more_found=len(ids) > room)


def runs_with_tries_visible_to(person: Person, team: Team, limit: int = OFFERED) -> list[Run]:
    """The team's newest runs that tried any task, and the example when the team has none."""
    seen = Exists(SeenTask.objects.filter(run=OuterRef("pk")))
    tried = runs_visible_to(person).filter(seen, archived_at=None).exclude(kind=RunKind.TRY)
    own = (
        tried.filter(team=team, is_example=False)
        .defer("config")
        .select_related("team", "owner")
        .order_by("-created_at", "-pk")
    )
    newest = list(own[:limit])
    return newest or list(tried.filter(is_example=True).select_related("team", "owner")[:1])
