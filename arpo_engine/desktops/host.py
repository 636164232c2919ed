"""What is said to a process that holds several desktops. Who carries it there (a pipe, Ray) is not known here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from arpo_engine.contract.actions import SingleAction
from arpo_engine.contract.tasks import Task
from arpo_engine.types import Observation


@dataclass(frozen=True, slots=True)
class Reset:
    """Bring the desktop into the state in which the task begins."""

    task: Task


@dataclass(frozen=True, slots=True)
class Act:
    """Carry out an action."""

    action: SingleAction


@dataclass(frozen=True, slots=True)
class Score:
    """Score the task that was begun last."""

    last_action: SingleAction | None


@dataclass(frozen=True, slots=True)
class Wake:
    """Nobody thinks about the desktop any more: end a pause, if there is one."""


Request = Reset | Act | Score | Wake
Answer = Observation | float | None


class DesktopRow(Protocol):
    """Desktops side by side in one process, called by number; providers implement it."""

    def reset(self, index: int, task: Task) -> Observation:
        """See `Desktop.reset`."""
        ...

    def step(self, index: int, action: SingleAction) -> Observation:
        """See `Desktop.step`."""
        ...

    def score(self, index: int, last_action: SingleAction | None) -> float:
        """See `Desktop.score`."""
        ...

    def wake(self, index: int) -> None:
        """End a pause, if there is one; see `RealDesktop.wake`."""
        ...

    def close(self) -> None:
        """Close all of them."""
        ...


def carry_out(row: DesktopRow, index: int, request: Request) -> Answer:
    """Do what is asked on one desktop of the row."""
    match request:
        case Reset(task):
            return row.reset(index, task)
        case Act(action):
            return row.step(index, action)
        case Score(last_action):
            return row.score(index, last_action)
        case Wake():
            row.wake(index)
            return None


class DesktopHost(Protocol):
    """The engine's end of such a process. Calls to different desktops may be under way at once."""

    name: str
    size: int
    """Desktops in it."""
    machine: str
    """Name of the machine that it runs on."""

    async def call(self, index: int, request: Request) -> Answer:
        """Ask one desktop.

        Raises:
            DesktopLost: the process is gone; every desktop in it with it.
        """
        ...

    async def restart(self) -> None:
        """Start the process anew, ending the old one first if it still runs.

        Raises:
            DesktopLost: it does not come up.
        """
        ...

    async def close(self) -> None:
        """End the process; may be called twice."""
        ...
