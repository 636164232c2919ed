"""Which waiting runs may start now and what each of the others waits for, in words. Plain arithmetic; knows no rows.

One order for all teams: what a run waits for is not taken by runs behind it, or a large run would wait for ever. So a
run that lacks desktops of the console holds up everybody behind it, one that lacks its team's share holds up its team,
and a run whose team has used up its hours or its runs holds up nobody. A try-out has places beside those of runs: it
takes one desktop for minutes, and somebody sits and waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from webapp.counted import counted


class Wait(StrEnum):
    """What kind of thing a run waits for."""

    NOTHING = "nothing"
    PAUSED = "paused"
    QUOTA = "quota"
    ROOM = "room"
    BEHIND = "behind"
    NEVER = "never"
    """It asks for more than it could ever get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A run in the queue."""

    run_id: str
    name: str
    team: int
    desktops: int
    tryout: bool = False


@dataclass(slots=True, kw_only=True)
class Account:
    """What the console, or a team, may use and uses now. None: as much as there is."""

    max_runs: int | None = None
    max_desktops: int | None = None
    max_gpu_hours: float | None = None
    max_tryouts: int | None = None
    runs: int = 0
    tryouts: int = 0
    """Of the console alone, which has places for them; for a team's quota a try-out is a run."""
    desktops: int = 0
    gpu_hours: float = 0.0
    paused: str = ""
    """By whom and why nothing of the team starts; empty when it does."""

    def take(self, desktops: int, *, tryout: bool = False) -> None:
        """A run with so many desktops starts."""
        self._count(1, desktops, tryout)

    def give_back(self, desktops: int, *, tryout: bool = False) -> None:
        """A run with so many desktops is over."""
        self._count(-1, -desktops, tryout)

    def _count(self, runs: int, desktops: int, tryout: bool) -> None:
        if tryout:
            self.tryouts += runs
        else:
            self.runs += runs
        self.desktops += desktops

    def copy(self) -> Account:
        """The same numbers, to reckon with."""
        return Account(
            max_runs=self.max_runs,
            max_desktops=self.max_desktops,
            max_gpu_hours=self.max_gpu_hours,
            max_tryouts=self.max_tryouts,
            runs=self.runs,
            tryouts=self.tryouts,
            desktops=self.desktops,
            gpu_hours=self.gpu_hours,
            paused=self.paused,
        )


@dataclass(slots=True, kw_only=True)
class Books:
    """The accounts of the console and of its teams."""

    console: Account
    teams: Mapping[int, Account] = field(default_factory=dict)

    def of(self, team: int) -> Account:
        """A team's account; one without a quota may use what there is."""
        return self.teams.get(team) or Account()

    def take(self, run: Waiting) -> None:
        """A run starts."""
        self.console.take(run.desktops, tryout=run.tryout)
        if run.team in self.teams:
            self.teams[run.team].take(run.desktops)

    def copy(self) -> Books:
        """The same numbers, to reckon with."""
        return Books(console=self.console.copy(), teams={team: one.copy() for team, one in self.teams.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a waiting run now."""

    wait: Wait
    reason: str = ""

    @property
    def starts(self) -> bool:
        """Whether there is room for it."""
        return self.wait is Wait.NOTHING


def decide(queue: Sequence[Waiting], books: Books) -> list[Verdict]:
    """One verdict for each run of the queue, in its order. The books are not changed."""
    books = books.copy()
    blocking: dict[int | None, Waiting] = {}
    """The run that holds up a team; under None, the one that holds up all."""
    verdicts = []
    for run in queue:
        verdict = _never(run, books) or _quota(run, books) or _behind(run, blocking) or _room(run, books, blocking)
        if verdict is None:
            books.take(run)
            verdict = Verdict(wait=Wait.NOTHING)
        verdicts.append(verdict)
    return verdicts


def _never(run: Waiting, books: Books) -> Verdict | None:
    needs = f"needs {_desktops(run.desktops)}"
    most, of_all = books.of(run.team).max_desktops, books.console.max_desktops
    if most is not None and run.desktops > most:
        cure = "clone it with a smaller desktops.count, or ask an administrator of the console for a larger quota"
        return Verdict(wait=Wait.NEVER, reason=f"{needs} and the team may have {most}: {cure}")
    if of_all is not None and run.desktops > of_all:
        cure = "clone it with a smaller desktops.count"
        return Verdict(
            wait=Wait.NEVER, reason=f"{needs} and all runs together may have {of_all} (ARPO_DESKTOPS_AT_ONCE): {cure}"
        )
    return None


def _quota(run: Waiting, books: Books) -> Verdict | None:
    team = books.of(run.team)
    if team.paused:
        return Verdict(wait=Wait.PAUSED, reason=team.paused)
    if team.max_gpu_hours is not None and team.gpu_hours >= team.max_gpu_hours:
        used = f"{team.gpu_hours:.0f} of {team.max_gpu_hours:.0f} GPU-hours of the last 30 days are used"
        return Verdict(wait=Wait.QUOTA, reason=f"quota: {used}")
    if team.max_runs is not None and team.runs >= team.max_runs:
        return Verdict(wait=Wait.QUOTA, reason=f"quota: {team.runs} of {_runs(team.max_runs)} of the team")
    return None


def _behind(run: Waiting, blocking: Mapping[int | None, Waiting]) -> Verdict | None:
    first = blocking.get(None) or blocking.get(run.team)
    if first is None:
        return None
    name = first.name if first.team == run.team else "a run of another team"
    return Verdict(wait=Wait.BEHIND, reason=f"behind {name}, which waits for {_desktops(first.desktops)}")


def _room(run: Waiting, books: Books, blocking: dict[int | None, Waiting]) -> Verdict | None:
    team, console = books.of(run.team), books.console
    full = _tryouts_full(console) if run.tryout else _runs_full(console)
    if full:
        return Verdict(wait=Wait.ROOM, reason=full)
    needs = f"needs {_desktops(run.desktops)}"
    free = None if team.max_desktops is None else max(0, team.max_desktops - team.desktops)
    if free is not None and run.desktops > free:
        blocking[run.team] = run
        return Verdict(wait=Wait.QUOTA, reason=f"quota: {needs}, {free} of the team's {team.max_desktops} free")
    free = None if console.max_desktops is None else max(0, console.max_desktops - console.desktops)
    if free is not None and run.desktops > free:
        blocking[None] = run
        return Verdict(wait=Wait.ROOM, reason=f"{needs}, {free} free")
    return None


def _runs_full(console: Account) -> str:
    if console.max_runs is None or console.runs < console.max_runs:
        return ""
    under_way = "1 run is" if console.runs == 1 else f"{console.runs} runs are"
    return f"{under_way} under way and {console.max_runs} may be at once (ARPO_RUNS_AT_ONCE)"


def _tryouts_full(console: Account) -> str:
    if console.max_tryouts is None or console.tryouts < console.max_tryouts:
        return ""
    under_way = "1 try-out is" if console.tryouts == 1 else f"{console.tryouts} try-outs are"
    return f"{under_way} under way and {console.max_tryouts} may be at once (ARPO_TRYOUTS_AT_ONCE)"


def _desktops(count: int) -> str:
    return counted(count, "desktop")


def _runs(count: int) -> str:
    return counted(count, "run")
