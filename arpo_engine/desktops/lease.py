"""One desktop in the hands of one episode, until it comes back or is lost. Knows no queue; heals nothing."""

from __future__ import annotations

import asyncio
from typing import Protocol

from arpo_engine.contract.actions import SingleAction
from arpo_engine.contract.errors import DesktopLost, DesktopStuck, EvaluatorError, SetupFailed
from arpo_engine.contract.fleet import DesktopPhase
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.host import Act, Answer, Request, Reset, Score, Wake
from arpo_engine.desktops.seats import Slot
from arpo_engine.types import Observation

PHASES = {
    Reset: DesktopPhase.RESETTING,
    Act: DesktopPhase.ACTING,
    Score: DesktopPhase.SCORING,
    Wake: DesktopPhase.ACTING,
}
"""What a desktop is at while it is asked for something; in between it waits for the model."""


class Landlord(Protocol):
    """Whom a lease is of: how long a desktop may take to answer, and who is told when it does not."""

    reset_timeout_s: float
    step_timeout_s: float

    def lost(self, slot: Slot, life: int, fault: Fault, message: str) -> None:
        """A process is lost."""
        ...


class Lease:
    """One desktop in the hands of one episode."""

    def __init__(self, pool: Landlord, slot: Slot, index: int) -> None:
        self._pool = pool
        self.slot = slot
        self.seat = slot.seats[index]
        self._life, self._term = slot.life, self.seat.term
        self._index = index
        self._ready: tuple[str, Observation] | None = None
        self.name = self.seat.name
        self.expires: float | None = None
        """By the event loop's clock: past it the pool takes the desktop back, whatever its holder is doing."""

    async def reset(self, task: Task) -> Observation:
        """See `Desktop.reset`; at once, if the desktop was prepared for this task."""
        ready, self._ready = self._ready, None
        self.seat.task_id = task.id
        if ready is not None and ready[0] == task.id:
            return ready[1]
        return _seen(await self._ask(Reset(task), self._pool.reset_timeout_s))

    async def prepare(self, task: Task) -> None:
        """Reset the desktop for a task that somebody will bring later."""
        self._ready = (task.id, await self.reset(task))

    @property
    def prepared_for(self) -> str | None:
        """Id of the task that the desktop stands ready for."""
        return self._ready[0] if self._ready is not None else None

    async def step(self, action: SingleAction) -> Observation:
        """See `Desktop.step`."""
        return _seen(await self._ask(Act(action), self._pool.step_timeout_s))

    async def score(self, last_action: SingleAction | None) -> float:
        """See `Desktop.score`."""
        answer = await self._ask(Score(last_action), self._pool.step_timeout_s)
        if not isinstance(answer, float | int):
            raise DesktopLost(f"{self.name} answered a score with {type(answer).__name__}; its program is broken")
        return float(answer)

    async def wake(self) -> None:
        """End a pause of the desktop, if there is one."""
        await self._ask(Wake(), self._pool.step_timeout_s)

    @property
    def alive(self) -> bool:
        """Whether it is still good: its process is the one that it was given for, and nobody took the desktop out."""
        return self._life == self.slot.life and self._term == self.seat.term and not self.slot.given_up

    def at(self, episode_id: str, step: int) -> None:
        """For people: the episode that has it thinks about its next reply, after so many."""
        if self.alive:
            self.seat.episode_id, self.seat.step = episode_id, step
            self.seat.turn(DesktopPhase.THINKING)

    def hold_for(self, seconds: float | None) -> None:
        """How long from now it may be held; None: for as long as it takes."""
        self.expires = None if seconds is None else asyncio.get_running_loop().time() + seconds
        if self.alive:
            self.seat.hold_for(seconds)

    async def _ask(self, request: Request, timeout_s: float) -> Answer:
        if not self.alive:
            raise DesktopLost(f"{self.name} was {'taken out' if self.seat.barred else 'lost with its process'}")
        self.seat.turn(PHASES[type(request)])
        try:
            async with asyncio.timeout(timeout_s):
                return await self.slot.host.call(self._index, request)
        except TimeoutError as error:
            message = f"{self.name} did not answer a {type(request).__name__.lower()} within {timeout_s:g} s"
            self.failed(Fault.DESKTOP_STUCK)
            self._pool.lost(self.slot, self._life, Fault.DESKTOP_STUCK, message)
            raise DesktopStuck(message) from error
        except DesktopLost as error:
            fault = Fault.DESKTOP_STUCK if isinstance(error, DesktopStuck) else Fault.DESKTOP_LOST
            self.failed(fault)
            self._pool.lost(self.slot, self._life, fault, str(error))
            raise
        except SetupFailed:
            self.failed(Fault.SETUP_FAILED)
            raise
        except EvaluatorError:
            self.failed(Fault.EVALUATOR_ERROR)
            raise
        finally:
            if self.alive:
                self.seat.turn(DesktopPhase.THINKING)

    def failed(self, fault: Fault) -> None:
        """For people: this went wrong on it."""
        if self.alive:
            self.seat.failures[fault] += 1


def _seen(answer: Answer) -> Observation:
    if not isinstance(answer, Observation):
        raise DesktopLost(f"a desktop answered with {type(answer).__name__}, not a screenshot; its program is broken")
    return answer
