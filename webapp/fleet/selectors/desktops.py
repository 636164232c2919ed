"""Reading the fleet for its page and its socket: desktops with their episodes and newest screenshots, machines, counts.

Everything is reached through what the person may see.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import F, QuerySet
from django.utils import timezone

from webapp.accounts.models import Team
from webapp.accounts.permissions import Person
from webapp.episodes.models import Episode, Frame, Step
from webapp.fleet.access import desktops_visible_to, machines_visible_to, waiting_orders
from webapp.fleet.models import Desktop, Machine, Order
from webapp.fleet.words import LOOKS
from webapp.runs.access import runs_visible_to
from webapp.runs.models import ACTIVE_STATUSES, Run, RunAttempt

MOST_SHOWN: Final = 512
STALE_AFTER: Final = timedelta(seconds=20)
"""An engine gives a sign of life every five seconds; after this long what is known of its desktops is called old."""
SORTS: Final = {
    "desktop": ("run__name", "name"),
    "run": ("run__name", "run_id", "id"),
    "machine": ("machine", "name"),
    "phase": ("phase", "since"),
    "task": ("task_id", "name"),
    "step": ("step", "name"),
    "age": ("-since", "name"),
    "failures": ("failures_count", "name"),
}
"""What the table can be ordered by; age counts from the phase's beginning, so the longest is the earliest."""
DEFAULT_SORT: Final = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFilters:
    """What the page is narrowed to and how it is laid out; the same words as in the address."""

    run: str = ""
    machine: str = ""
    phase: str = ""
    view: str = "grid"
    sort: str = DEFAULT_SORT

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered out."""
        return bool(self.run or self.machine or self.phase)

    @property
    def column(self) -> str:
        """The column that the table is ordered by."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the largest comes first."""
        return self.sort.startswith("-")


@dataclass(frozen=True, slots=True, kw_only=True)
class DesktopCard:
    """One desktop with what it shows."""

    desktop: Desktop
    episode: Episode | None
    frame: str
    """Hash of the newest screenshot of its episode that has arrived; empty when there is none."""
    stale: datetime | None
    """When its engine was last heard from, where that is too long ago."""
    order: Order | None
    """What was ordered and not heard of yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineLoad:
    """One machine with what the team's runs have on it."""

    name: str
    runs: list[Run]
    phases: list[tuple[str, int]]
    desktops: int
    """Of these runs."""
    draining: bool
    order: Order | None
    sample: Machine | None
    """The newest sample of its load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All that the page shows."""

    cards: list[DesktopCard]
    total: int
    """Desktops of the team, before filters."""
    matching: int
    """Desktops that fit the filters; only so many are in `cards`."""
    phases: list[tuple[str, int]]
    faults: list[tuple[str, int]]
    runs: list[Run]
    """Runs that the page can be narrowed to."""
    machine_names: list[str]
    """Machines that it can be narrowed to."""
    starting: list[Run]
    """Active runs that have not told of any desktop yet."""
    machines: list[MachineLoad]
    """Those with desktops that fit the filters; without filters also those on which only an engine runs."""


def fleet_visible_to(person: Person, team: Team, filters: FleetFilters) -> Fleet:
    """The team's desktops that are there now."""
    everything = desktops_visible_to(person).filter(run__team=team)
    narrowed = _narrowed(everything, filters)
    shown = list(_ordered(narrowed, filters).select_related("run").defer("run__config")[:MOST_SHOWN])
    counted = list(narrowed.values_list("phase", "failures"))
    phases = Counter(phase for phase, _ in counted)
    faults: Counter[str] = Counter()
    for _, failures in counted:
        faults.update(failures)
    runs = list(Run.objects.filter(pk__in=everything.values("run")).defer("config").order_by("name", "pk"))
    machines = _machines(person, team, narrowed)
    active = runs_visible_to(person).filter(team=team, is_example=False, status__in=ACTIVE_STATUSES)
    return Fleet(
        cards=_cards(shown),
        total=everything.count(),
        matching=len(counted),
        phases=[(phase, phases[phase]) for phase in LOOKS if phases[phase]],
        faults=faults.most_common(),
        runs=runs,
        starting=list(active.exclude(pk__in=[run.pk for run in runs]).defer("config").order_by("name")),
        machine_names=list(
            everything.exclude(machine="").order_by("machine").values_list("machine", flat=True).distinct()
        ),
        machines=[machine for machine in machines if machine.desktops or not filters.narrowed],
    )


def desktop_visible_to(person: Person, desktop_id: int) -> Desktop | None:
    """One desktop; None both when it is gone and when it is somebody else's."""
    return desktops_visible_to(person).filter(pk=desktop_id).select_related("run", "run__team").first()


def fleet_state(person: Person, run_ids: set[str]) -> list[tuple[Any, ...]]:
    """What would look different if it changed, for the person's desktops of these runs; cheap, for the socket."""
    desktops = desktops_visible_to(person).filter(run__in=run_ids).order_by("pk")
    rows: list[tuple[Any, ...]] = list(
        desktops.values_list("pk", "phase", "task_id", "episode_key", "step", "failures_count", "note", "machine")
    )
    machines = machines_visible_to(person).filter(run__in=run_ids).order_by("pk")
    orders = waiting_orders().filter(run__in=desktops.values("run")).order_by("pk")
    frames = Frame.objects.filter(run__in=desktops.values("run"), stored_at__isnull=False).order_by("-stored_at")
    return [*rows, *machines.values_list("pk", "draining"), *orders.values_list("pk"), *frames.values_list("pk")[:1]]


def _narrowed(query: QuerySet[Desktop], filters: FleetFilters) -> QuerySet[Desktop]:
    if filters.run:
        query = query.filter(run=filters.run)
    if filters.machine:
        query = query.filter(machine=filters.machine)
    if filters.phase:
        query = query.filter(phase=filters.phase)
    return query


def _ordered(query: QuerySet[Desktop], filters: FleetFilters) -> QuerySet[Desktop]:
    first, *others = SORTS[filters.column]
    up = first.startswith("-") == filters.descending
    key = F(first.removeprefix("-"))
    return query.order_by(key.asc(nulls_last=True) if up else key.desc(nulls_last=True), *others, "id")


def _cards(desktops: list[Desktop]) -> list[DesktopCard]:
    episodes = _episodes(desktops)
    frames = _newest_frames(list(episodes.values()))
    heard = _last_heard(desktops)
    orders = {
        (order.run_id, order.target): order
        for order in waiting_orders().filter(run__in={row.run_id for row in desktops})
    }
    now = timezone.now()
    cards = []
    for desktop in desktops:
        episode = episodes.get((desktop.run_id, desktop.attempt, desktop.episode_key))
        last = heard.get((desktop.run_id, desktop.attempt))
        cards.append(
            DesktopCard(
                desktop=desktop,
                episode=episode,
                frame=frames.get(episode.pk, "") if episode else "",
                stale=last if last is not None and now - last > STALE_AFTER else None,
                order=orders.get((desktop.run_id, desktop.name)),
            )
        )
    return cards


def _episodes(desktops: list[Desktop]) -> dict[tuple[str, int, str], Episode]:
    keys = {desktop.episode_key for desktop in desktops if desktop.episode_key}
    runs = {desktop.run_id for desktop in desktops}
    found = Episode.objects.filter(run__in=runs, key__in=keys)
    return {(episode.run_id, episode.attempt, episode.key): episode for episode in found}


def _newest_frames(episodes: list[Episode]) -> dict[int, str]:
    """By episode: the last screenshot whose bytes are here."""
    here = Frame.objects.filter(run__in={episode.run_id for episode in episodes}, stored_at__isnull=False)
    steps = Step.objects.filter(episode__in=episodes, frame__in=here.values("sha256"))
    newest = steps.order_by("episode_id", "-index").distinct("episode_id")
    return dict(newest.values_list("episode_id", "frame"))


def _last_heard(desktops: list[Desktop]) -> dict[tuple[str, int], datetime]:
    attempts = RunAttempt.objects.filter(run__in={desktop.run_id for desktop in desktops}, last_event_at__isnull=False)
    return {(run, number): at for run, number, at in attempts.values_list("run_id", "number", "last_event_at") if at}


def _machines(person: Person, team: Team, desktops: QuerySet[Desktop]) -> list[MachineLoad]:
    """Machines that have desktops of the team, or on which one of its engines runs."""
    reported = list(machines_visible_to(person).filter(run__team=team).select_related("run").defer("run__config"))
    phases: dict[str, Counter[str]] = {}
    used: set[tuple[str, str]] = set()
    for name, phase, run in desktops.values_list("machine", "phase", "run_id"):
        phases.setdefault(name, Counter())[phase] += 1
        used.add((name, run))
    waiting = waiting_orders().filter(run__in={row.run_id for row in reported})
    orders = {order.target: order for order in waiting}
    loads = []
    for name in sorted({row.name for row in reported} | {name for name in phases if name}):
        rows = [row for row in reported if row.name == name]
        sampled = sorted((row for row in rows if row.sampled_at), key=lambda row: row.sampled_at or timezone.now())
        loads.append(
            MachineLoad(
                name=name,
                runs=[row.run for row in rows],
                phases=phases[name].most_common() if name in phases else [],
                desktops=phases[name].total() if name in phases else 0,
                draining=name in phases and all(row.draining for row in rows if (name, row.run_id) in used),
                order=orders.get(name),
                sample=sampled[-1] if sampled else None,
            )
        )
    return loads
