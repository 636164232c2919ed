"""When the turn of a waiting run may come: the queue played forward over the runs that are under way. Knows no rows.

A guess is only as good as the ends that it is made of, so what rests on an end that nobody knows is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from webapp.runs.queueing.rules import Books, Wait, Waiting, decide

LONGEST_QUEUE: Final = 200
"""Runs beyond that place are not guessed about."""
SOON: Final = timedelta(seconds=30)
"""An end that should have come already is taken to come within that."""

UNKNOWN_ENDS: Final = "it depends on a run whose end is not known"
UNKNOWN_QUOTA: Final = "it depends on the quota of the team"
UNKNOWN_PAUSE: Final = "the queue of the team is paused"
NEVER: Final = "it asks for more than there is"
TOO_FAR: Final = "too many are before it"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """A run that has a process, and when that is expected to end; None: nobody knows."""

    team: int
    desktops: int
    ends_at: datetime | None
    tryout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When a run may start, or why that cannot be said."""

    at: datetime | None = None
    unknown: str = ""


def forecasts(
    queue: Sequence[Waiting],
    books: Books,
    under_way: Sequence[UnderWay],
    lasts_s: Mapping[str, float | None],
    now: datetime,
) -> dict[str, Forecast]:
    """A forecast by run id for each run of the queue; `lasts_s` says how long each is expected to take."""
    books, found = books.copy(), {}
    ends = sorted(
        ((max(one.ends_at, now + SOON), one.team, one.desktops, one.tryout) for one in under_way if one.ends_at),
        reverse=True,
    )
    waiting, at = list(queue[:LONGEST_QUEUE]), now
    while waiting:
        verdicts = decide(waiting, books)
        left = []
        for run, verdict in zip(waiting, verdicts, strict=True):
            if not verdict.starts:
                left.append(run)
                continue
            found[run.run_id] = Forecast(at=at)
            books.take(run)
            lasts = lasts_s.get(run.run_id)
            if lasts is not None:
                ends.append((at + timedelta(seconds=lasts), run.team, run.desktops, run.tryout))
                ends.sort(reverse=True)
        waiting = left
        if not ends:
            break
        at, team, desktops, tryout = ends.pop()
        books.console.give_back(desktops, tryout=tryout)
        if team in books.teams:
            books.teams[team].give_back(desktops)
    for run, verdict in zip(waiting, decide(waiting, books), strict=True):
        found[run.run_id] = Forecast(unknown=_why_unknown(verdict.wait))
    return found | {run.run_id: Forecast(unknown=TOO_FAR) for run in queue[LONGEST_QUEUE:]}


def _why_unknown(wait: Wait) -> str:
    return {Wait.PAUSED: UNKNOWN_PAUSE, Wait.QUOTA: UNKNOWN_QUOTA, Wait.NEVER: NEVER}.get(wait, UNKNOWN_ENDS)
