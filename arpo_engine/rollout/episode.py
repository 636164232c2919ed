"""One task, one desktop, one Trajectory: look, think, act, until it is over; then score. Faults become data here.

Tokens go in and come out as they were sampled; text exists only for the agent's grammar and for people.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from arpo_engine.agents.base import Agent
from arpo_engine.contract.actions import ENDING, Action, Fail, Wait, unfolded
from arpo_engine.contract.config.parts import RewardConfig
from arpo_engine.contract.errors import (
    ActionUnreadable,
    AssetMissing,
    ContextFull,
    DesktopLost,
    DesktopStuck,
    EvaluatorError,
    GeneratorLost,
    SetupFailed,
)
from arpo_engine.contract.outcomes import EndedBy, Fault, Split
from arpo_engine.contract.reporting import EventSink
from arpo_engine.desktops.lease import Lease
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.inference.base import Completion, Generator, Prompt
from arpo_engine.models.chat import ChatFormat
from arpo_engine.rollout.guide import Course, Guide, Unguided
from arpo_engine.rollout.pace import OwnPace, Pace
from arpo_engine.rollout.plans import Plan
from arpo_engine.rollout.prompts import History, next_prompt
from arpo_engine.rollout.telling import EpisodeTeller
from arpo_engine.types import Observation, Step, Trajectory

log = logging.getLogger(__name__)

T = TypeVar("T")

LEASE_GRACE_S = 30.0
"""How much longer than its own limit of time an episode may hold a desktop: time to come to its end."""

FAULTS: tuple[tuple[type[Exception], Fault], ...] = (
    (DesktopStuck, Fault.DESKTOP_STUCK),
    (DesktopLost, Fault.DESKTOP_LOST),
    (AssetMissing, Fault.ASSET_MISSING),
    (SetupFailed, Fault.SETUP_FAILED),
    (EvaluatorError, Fault.EVALUATOR_ERROR),
    (GeneratorLost, Fault.GENERATOR_LOST),
)
"""What can break around an agent; the first match names it, so a special case stands before its parent."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """How an episode ended. `score` is None when there is a fault, and when nothing was there to be judged."""

    ended_by: EndedBy
    score: float | None = None
    fault: Fault | None = None
    note: str = ""


class EpisodeRunner:
    """Runs one plan at a time per call; many calls may be under way at once.

    `chat` is None where the generator takes words and gives words, and no token id is known.
    """

    def __init__(
        self,
        *,
        pool: DesktopPool,
        generator: Generator,
        agent: Agent,
        chat: ChatFormat | None,
        sink: EventSink,
        reward: RewardConfig,
        timeout_s: float,
        history: History = History(),  # noqa: B008 - a frozen value
        pace: Pace | None = None,
        guide: Guide | None = None,
        reply_timeout_s: float | None = None,
    ) -> None:
        self._pool = pool
        self._generator = generator
        self._agent = agent
        self._chat = chat
        self._tell = EpisodeTeller(sink)
        self._reward = reward
        self._timeout_s = timeout_s
        self._history = history
        self._pace = pace or OwnPace()
        self._guide = guide or Unguided()
        self._reply_timeout_s = reply_timeout_s

    async def run(self, plan: Plan) -> Trajectory:
        """Try the task once. Never raises for what a desktop, a generator or an agent does; see `Trajectory.fault`."""
        course = Course(plan)
        try:
            lease = await self._pool.lease(plan.task)
        except DesktopLost as error:
            return self._ended(course, _Verdict(EndedBy.FAULT, None, Fault.DESKTOP_LOST, str(error)), 0.0)
        started = time.monotonic()
        self._tell.began(plan, lease.name)
        lease.at(plan.episode_id, 0)
        member = self._pace.join()
        try:
            verdict = await self._until_over(lease, course, member)
            lease.hold_for(None)
            self._pace.leave(member)
            if verdict.fault is None:
                await self._pace.rest()
        except asyncio.CancelledError:
            self._ended(course, _Verdict(EndedBy.CANCELLED, note="the run was stopped"), time.monotonic() - started)
            raise
        finally:
            self._pace.leave(member)
            self._generator.release(plan.episode_id)
            self._pool.give_back(lease)
        return self._ended(course, verdict, time.monotonic() - started)

    async def _until_over(self, lease: Lease, course: Course, member: int) -> _Verdict:
        try:
            lease.hold_for(self._timeout_s + LEASE_GRACE_S)
            async with asyncio.timeout(self._timeout_s) as limit:
                ended_by = await self._play(lease, course, _Waits(self._pace, member, limit, lease))
                judged = course.plan.judged and ended_by is not EndedBy.CANCELLED
                score = await lease.score(course.last_action) if judged else None
                return _Verdict(ended_by, score=score, note=course.note)
        except TimeoutError:
            lease.failed(Fault.DESKTOP_STUCK)
            note = f"the episode was not over after rollout.episode_timeout_s = {self._timeout_s:g} s"
            return self._fault(course.plan, lease, Fault.DESKTOP_STUCK, note)
        except tuple(kind for kind, _ in FAULTS) as error:
            fault = next(fault for kind, fault in FAULTS if isinstance(error, kind))
            return self._fault(course.plan, lease, fault, str(error))

    async def _play(self, lease: Lease, course: Course, waits: _Waits) -> EndedBy:
        course.seen = await lease.reset(course.plan.task)
        hands = _Hands(lease, course, self._tell)
        ended: EndedBy | None = None
        while True:
            if ended is None:
                course.last_seen = course.seen.pixels
                if course.actions >= course.plan.max_steps:
                    ended = EndedBy.OUT_OF_STEPS
            over = await waits.apart(self._guide.between(course, ended, hands))
            if over is not None:
                return over
            ended = await self._turn(lease, course, waits)

    async def _turn(self, lease: Lease, course: Course, waits: _Waits) -> EndedBy | None:
        """One reply of the agent and what it asks for; why it cannot go on after that, if it cannot."""
        plan, seen = course.plan, course.seen
        assert seen is not None, "a turn follows a reset"
        lease.at(plan.episode_id, course.told)
        if course.begins_anew:
            self._generator.release(plan.episode_id)
            course.begins_anew = False
        prompt = next_prompt(self._agent, self._chat, self._history, plan, course.in_sight, seen)
        await waits.turn()
        try:
            completion = await self._guide.heard(self._reply(prompt, plan))
        except ContextFull as error:
            log.info("context full", extra={"episode_id": plan.episode_id, "reason": str(error)})
            return EndedBy.CONTEXT_FULL
        if completion is None:
            return None
        step, problem = self._read(seen, prompt, completion)
        course.steps.append(step)
        await waits.turn()
        acted = time.monotonic()
        course.seen = await self._act(lease, course, step.action, seen)
        self._tell.step(plan, course.told, step, problem, completion.seconds, time.monotonic() - acted)
        course.told += 1
        if course.last_action is None:
            course.format_reward = -1.0
            return EndedBy.UNREADABLE_REPLY
        if isinstance(course.last_action, ENDING):
            return EndedBy.FAILED_BY_AGENT if isinstance(course.last_action, Fail) else EndedBy.FINISHED
        return None

    async def _reply(self, prompt: Prompt, plan: Plan) -> Completion:
        try:
            async with asyncio.timeout(self._reply_timeout_s):
                return await self._generator.generate(prompt, plan.sampling)
        except TimeoutError as error:
            if self._reply_timeout_s is None:
                raise
            raise GeneratorLost(
                f"no reply within rollout.reply_timeout_s = {self._reply_timeout_s:g} s; is the generator overloaded?"
            ) from error

    async def _act(self, lease: Lease, course: Course, action: Action | None, seen: Observation) -> Observation:
        """Do what a reply asks for, as far as there are steps left; nothing follows an action that ends the episode."""
        course.last_action = None
        for one in unfolded(action) if action is not None else ():
            if course.actions == course.plan.max_steps:
                break
            course.actions += 1
            course.last_action = one
            if not isinstance(one, ENDING):
                seen = await lease.step(one)
        return seen

    def _text(self, completion: Completion) -> str:
        if completion.text is not None:
            return completion.text
        assert self._chat is not None, "a generator that gives ids needs the chat format that reads them"
        return self._chat.decode(completion.ids)

    def _read(self, seen: Observation, prompt: Prompt, completion: Completion) -> tuple[Step, str]:
        text = self._text(completion)
        height, width = seen.pixels.shape[:2]
        thought, action, problem = "", None, ""
        try:
            if not completion.ended:
                sampled = len(completion.ids) + completion.unlisted_tokens
                raise ActionUnreadable(f"the reply did not end within {sampled} tokens")
            reply = self._agent.parse(text, (width, height))
            thought, action = reply.thought, reply.action
        except ActionUnreadable as error:
            problem = str(error)
        step = Step(
            pixels=seen.pixels,
            prompt_ids=prompt.new_ids,
            reply_ids=completion.ids,
            reply_logprobs=completion.logprobs,
            weight_version=completion.weight_version,
            text=text,
            thought=thought,
            action=action,
            window=None if prompt.earlier is None else len(prompt.earlier) + 1,
            unlisted_tokens=completion.unlisted_tokens,
        )
        return step, problem

    def _fault(self, plan: Plan, lease: Lease, fault: Fault, note: str) -> _Verdict:
        if fault not in (Fault.DESKTOP_LOST, Fault.DESKTOP_STUCK):
            # The pool speaks for desktops, once for all of a process; the rest is told here.
            self._tell.fault(plan, lease.name, fault, note)
        return _Verdict(EndedBy.FAULT, fault=fault, note=note)

    def _ended(self, course: Course, verdict: _Verdict, duration_s: float) -> Trajectory:
        plan, score = course.plan, verdict.score
        reward = None if score is None else score + self._reward.format_weight * course.format_reward
        trajectory = Trajectory(
            episode_id=plan.episode_id,
            task_id=plan.task.id,
            steps=tuple(course.steps),
            ended_by=verdict.ended_by,
            score=score,
            format_reward=course.format_reward,
            reward=reward,
            fault=verdict.fault,
            note=verdict.note,
            collected_at_step=plan.step,
            duration_s=duration_s,
            last_seen=course.last_seen if plan.split is Split.EVALUATION else None,
        )
        self._tell.ended(plan, trajectory, course.last_seen, course.told)
        return trajectory


class _Waits:
    """Time that is not the episode's own: while it waits for others, its limit and its lease stand still."""

    def __init__(self, pace: Pace, member: int, limit: asyncio.Timeout, lease: Lease) -> None:
        self._pace, self._member, self._limit, self._lease = pace, member, limit, lease

    async def turn(self) -> None:
        """Until the pace lets it go on."""
        await self.apart(self._pace.turn(self._member))

    async def apart(self, wait: Awaitable[T]) -> T:
        """What comes of a wait that does not count."""
        clock = asyncio.get_running_loop().time
        left = (self._limit.when() or 0.0) - clock()
        self._limit.reschedule(None)
        self._lease.hold_for(None)
        answer = await wait
        self._limit.reschedule(clock() + left)
        self._lease.hold_for(left + LEASE_GRACE_S)
        return answer


class _Hands:
    """Implements `Hands` for the desktop of one episode."""

    def __init__(self, lease: Lease, course: Course, tell: EpisodeTeller) -> None:
        self._lease, self._course, self._tell = lease, course, tell

    async def act(self, action: Action, by: str) -> None:
        """See `Hands`."""
        course, before, started = self._course, self._course.seen, time.monotonic()
        assert before is not None, "hands are given after a reset"
        for one in unfolded(action):
            course.last_action = one
            if not isinstance(one, ENDING):
                course.seen = await self._lease.step(one)
        self._tell.by_hand(course.plan, course.told, before.pixels, action, by, time.monotonic() - started)
        course.told += 1
        course.last_seen = course.seen.pixels if course.seen else None

    async def look(self) -> bool:
        """See `Hands`."""
        course, before = self._course, self._course.seen
        now = await self._lease.step(Wait(seconds=0.0))
        if before is not None and np.array_equal(before.pixels, now.pixels):
            return False
        course.seen, course.last_seen = now, now.pixels
        return True
