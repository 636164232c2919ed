"""An episode that a person directs: hold, go, one step, the mouse in their own hand, other words, begin anew, end.

The agent's turns are those of any episode. A direction is heard within `LISTEN_S`: also while the agent thinks, and its
reply is then dropped. Whatever ends an agent's turns, only a person, silence or a stop ends the try-out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from math import inf
from typing import Literal

from arpo_engine.contract.actions import ENDING, Fail
from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tryouts import Act, Direction, Finish, Go, Hold, Instruct, OneStep, Restart, on_screen
from arpo_engine.inference.base import Completion
from arpo_engine.rollout.directions import Directions
from arpo_engine.rollout.guide import Course, Hands
from arpo_engine.rollout.parting import HELD, SAID, UNJUDGED, Parting, again, idle_words
from arpo_engine.rollout.plans import Plan
from arpo_engine.rollout.standing import StandingTeller
from arpo_engine.types import Trajectory

LISTEN_S = 0.02
"""How often somebody is listened to."""
LOOK_S, LOOK_RARELY_S = 1.0, 5.0
"""How often a desktop that waits for a person is looked at: it may change by itself, and it may be lost."""
WATCHED_S = 30.0
"""After so long without a direction it is looked at rarely."""


class Directed:
    """Implements `Guide` for the episodes of a try-out, one after the other."""

    def __init__(
        self,
        *,
        sink: EventSink,
        directions: Directions,
        task_ids: frozenset[str],
        idle_s: float,
        goes: bool,
        halted: Callable[[], bool],
    ) -> None:
        """`goes`: the agent begins without being told; `halted`: whether the run is to stop."""
        self._tell = StandingTeller(sink)
        self._directions = directions
        self._task_ids = task_ids
        self._idle_s = idle_s
        self._goes = goes
        self._halted = halted
        self._due = 0.0
        """Replies that the agent may still give until it holds."""
        self._stuck: EndedBy | None = None
        """Why the agent cannot go on."""
        self._note = self._refused = ""
        self._parting: Parting | None = None
        self._quiet_since = self._looked_at = 0.0
        self._course: Course | None = None
        self._starting = False

    async def through(self, plan: Plan, play: Callable[[Plan], Awaitable[Trajectory]]) -> tuple[Trajectory, Parting]:
        """One episode from its beginning to what follows it.

        Raises:
            asyncio.CancelledError: the run was stopped before there was a desktop.
        """
        self._due = inf if self._goes else 0.0
        self._stuck = self._parting = self._course = None
        self._note = self._refused = ""
        self._starting = True
        self._tell.starting(plan)
        playing = asyncio.ensure_future(play(plan))
        try:
            while not playing.done():
                await asyncio.wait({playing}, timeout=LISTEN_S)
                if self._starting and self._halted():
                    playing.cancel()
            return playing.result(), await self._after(plan, playing.result())
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)

    async def between(self, course: Course, ended: EndedBy | None, hands: Hands) -> EndedBy | None:
        """See `Guide`."""
        self._starting, self._course, self._stuck, self._note = False, course, None, ""
        if ended in (EndedBy.FINISHED, EndedBy.FAILED_BY_AGENT):
            return self._scoring(course, ended)
        if ended is not None:
            self._due, self._note = 0.0, HELD[ended]
            self._stuck = None if ended is EndedBy.UNREADABLE_REPLY else ended
        self._quiet_since = self._looked_at = time.monotonic()
        waits = False
        while True:
            if self._heeds_now():
                over = await self._heed(self._directions.take(), course, hands)
                waits = False
            else:
                over = self._given_up(course)
            if over is not None:
                return over
            if self._due and not self._heeds_now():
                self._due -= 1
                self._tell.tell("thinking", course)
                return None
            if not waits and not self._due:
                self._stand("holding", course)
                waits = True
            await self._wait(course, hands)

    async def heard(self, reply: Awaitable[Completion]) -> Completion | None:
        """See `Guide`; another reply or all of them may be asked for meanwhile, anything else drops this one."""
        assert self._course is not None, "a reply follows what is between two turns"
        asked = asyncio.ensure_future(reply)
        try:
            while not asked.done():
                await asyncio.wait({asked}, timeout=LISTEN_S)
                said = None if self._directions.patient else self._directions.peek()
                if not asked.done() and isinstance(said, Go | OneStep):
                    self._due = inf if isinstance(said, Go) else 0.0
                    self._tell.taken = self._directions.take().number
                    self._tell.tell("thinking", self._course)
                elif not asked.done() and (said is not None or self._halted()):
                    self._due += 1
                    return None
            completion = asked.result()
        finally:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        self._tell.tell("acting", self._course)
        return completion

    def _heeds_now(self) -> bool:
        """Whether somebody said something that does not wait for the agent to hold."""
        return self._directions.peek() is not None and not (self._directions.patient and self._due)

    async def _heed(self, said: Direction, course: Course, hands: Hands) -> EndedBy | None:
        """Carry a direction out or say why not; how the episode ends, if it does."""
        self._tell.taken = said.number
        self._quiet_since = time.monotonic()
        match said:
            case Hold():
                self._due = 0.0
            case Go() | OneStep():
                if self._stuck is not None:
                    self._refused = HELD[self._stuck]
                else:
                    self._due, self._note = inf if isinstance(said, Go) else 1.0, ""
            case Act():
                return await self._by_hand(said, course, hands)
            case Instruct():
                course.instruct(said.text)
                self._stuck, self._note = None, ""
            case Restart():
                return self._again(said, course)
            case Finish():
                self._parting = Parting(kind="finished", by=said.by)
                return self._scoring(course, EndedBy.FINISHED)
        return None

    async def _by_hand(self, said: Act, course: Course, hands: Hands) -> EndedBy | None:
        assert course.seen is not None, "directions are heeded after a reset"
        self._due = 0.0
        self._tell.tell("acting", course)
        height, width = course.seen.pixels.shape[:2]
        await hands.act(on_screen(said.action, (width, height)), said.by)
        self._quiet_since = self._looked_at = time.monotonic()
        if isinstance(course.last_action, ENDING):
            failed = isinstance(course.last_action, Fail)
            return self._scoring(course, EndedBy.FAILED_BY_AGENT if failed else EndedBy.FINISHED)
        return None

    def _again(self, said: Restart, course: Course) -> EndedBy | None:
        self._refused = self._unknown(said.task)
        if self._refused:
            return None
        self._parting = again(said, course.plan)
        course.note = f"begun anew by {said.by or 'somebody'}"
        return EndedBy.CANCELLED

    def _given_up(self, course: Course) -> EndedBy | None:
        """Whether the run is to stop, or nobody directs an episode that waits for it."""
        self._parting = self._silence(waits=not self._due)
        if self._parting is None:
            return None
        if self._parting.kind == "finished":
            return self._scoring(course, EndedBy.FINISHED)
        course.note = "the run was stopped" if self._parting.kind == "stopped" else idle_words(self._idle_s)
        return EndedBy.CANCELLED

    def _silence(self, *, waits: bool) -> Parting | None:
        if self._halted():
            return Parting(kind="stopped")
        if waits and self._directions.closed:
            return Parting(kind="finished")
        return Parting(kind="idle") if waits and self._idle_left <= 0 else None

    async def _after(self, plan: Plan, trajectory: Trajectory) -> Parting:
        """What follows an episode that is over: what was said already, or what somebody says now."""
        course = self._course or Course(plan)
        self._quiet_since = time.monotonic()
        self._note = trajectory.note or ("" if self._parting else SAID.get(trajectory.ended_by, ""))
        self._stand("over", course)
        while self._parting is None:
            if self._directions.peek() is None:
                self._parting = self._silence(waits=True)
                await asyncio.sleep(LISTEN_S if self._parting is None else 0.0)
                continue
            said = self._directions.take()
            self._tell.taken = said.number
            self._quiet_since = time.monotonic()
            if isinstance(said, Finish):
                self._parting = Parting(kind="finished", by=said.by)
            elif isinstance(said, Restart):
                self._refused = self._unknown(said.task)
                self._parting = None if self._refused else again(said, course.plan)
            else:
                self._refused = "the episode is over; restart begins another one, finish ends the try-out"
            self._stand("over", course)
        return self._parting

    async def _wait(self, course: Course, hands: Hands) -> None:
        """A moment, and a look at the desktop now and then."""
        await asyncio.sleep(LISTEN_S)
        now = time.monotonic()
        often = now - self._quiet_since < WATCHED_S
        if now - self._looked_at >= (LOOK_S if often else LOOK_RARELY_S):
            self._looked_at = now
            if await hands.look():
                self._stand("holding", course)

    def _stand(self, state: Literal["holding", "over"], course: Course) -> None:
        """It waits for a person. A refusal is told once."""
        refused, self._refused = self._refused, ""
        self._tell.tell(state, course, idle_s_left=max(0.0, self._idle_left), refused=refused, note=self._note)

    def _scoring(self, course: Course, ended: EndedBy) -> EndedBy:
        if course.plan.judged:
            self._tell.tell("scoring", course)
        else:
            course.note = UNJUDGED
        return ended

    def _unknown(self, task_id: str) -> str:
        """Why a task cannot be begun; empty if it can."""
        if not task_id or task_id in self._task_ids:
            return ""
        return f"there is no task {task_id!r} in the task set; give the id of one, or none for the same task again"

    @property
    def _idle_left(self) -> float:
        return self._idle_s - (time.monotonic() - self._quiet_since)
