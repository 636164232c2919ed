"""One task, one desktop, one Trajectory: look, think, act, until it is over; then score. Faults become data here.

Tokens go in and come out as they were sampled; text exists only for the agent's grammar and for people.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from arpo_engine.agents.base import Agent
from arpo_engine.contract.actions import ENDING, Action, Fail, SingleAction, unfolded
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
from arpo_engine.desktops.pool import DesktopPool, Lease
from arpo_engine.inference.base import Completion, Generator, Prompt
from arpo_engine.models.chat import ChatFormat
from arpo_engine.rollout.pace import OwnPace, Pace
from arpo_engine.rollout.plans import Plan
from arpo_engine.rollout.prompts import History, next_prompt
from arpo_engine.rollout.telling import EpisodeTeller
from arpo_engine.types import Observation, Pixels, Step, Trajectory

log = logging.getLogger(__name__)

FAULTS: tuple[tuple[type[Exception], Fault], ...] = (
    (DesktopStuck, Fault.DESKTOP_STUCK),
    (DesktopLost, Fault.DESKTOP_LOST),
    (AssetMissing, Fault.ASSET_MISSING),
    (SetupFailed, Fault.SETUP_FAILED),
    (EvaluatorError, Fault.EVALUATOR_ERROR),
    (GeneratorLost, Fault.GENERATOR_LOST),
)
"""What can break around an agent; the first match names it, so a special case stands before its parent."""


@dataclass(slots=True)
class _Course:
    """What has happened so far; it outlives an exception, so that a lost episode still tells how far it came."""

    steps: list[Step] = field(default_factory=list)
    actions: int = 0
    """Carried out, or tried; a reply may hold several."""
    last_action: SingleAction | None = None
    format_reward: float = 0.0
    last_seen: Pixels | None = None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """How an episode ended. `score` is None exactly when there is a fault."""

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
        self._reply_timeout_s = reply_timeout_s

    async def run(self, plan: Plan) -> Trajectory:
        """Try the task once. Never raises for what a desktop, a generator or an agent does; see `Trajectory.fault`."""
        course = _Course()
        try:
            lease = await self._pool.lease(plan.task)
        except DesktopLost as error:
            return self._ended(plan, course, _Verdict(EndedBy.FAULT, None, Fault.DESKTOP_LOST, str(error)), 0.0)
        started = time.monotonic()
        self._tell.began(plan, lease.name)
        member = self._pace.join()
        try:
            verdict = await self._until_over(plan, lease, course, member)
            self._pace.leave(member)
            if verdict.fault is None:
                await self._pace.rest()
        except asyncio.CancelledError:
            self._ended(
                plan, course, _Verdict(EndedBy.CANCELLED, note="the run was stopped"), time.monotonic() - started
            )
            raise
        finally:
            self._pace.leave(member)
            self._generator.release(plan.episode_id)
            self._pool.give_back(lease)
        return self._ended(plan, course, verdict, time.monotonic() - started)

    async def _until_over(self, plan: Plan, lease: Lease, course: _Course, member: int) -> _Verdict:
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                ended_by = await self._play(plan, lease, course, partial(self._in_turn, limit, member))
                return _Verdict(ended_by, score=await lease.score(course.last_action))
        except TimeoutError:
            note = f"the episode was not over after rollout.episode_timeout_s = {self._timeout_s:g} s"
            return self._fault(plan, lease, Fault.DESKTOP_STUCK, note)
        except tuple(kind for kind, _ in FAULTS) as error:
            fault = next(fault for kind, fault in FAULTS if isinstance(error, kind))
            return self._fault(plan, lease, fault, str(error))

    async def _in_turn(self, limit: asyncio.Timeout, member: int) -> None:
        """Wait for the others, where the pace asks for it; that time is not the episode's own."""
        clock = asyncio.get_running_loop().time
        left = (limit.when() or 0.0) - clock()
        limit.reschedule(None)
        await self._pace.turn(member)
        limit.reschedule(clock() + left)

    async def _play(self, plan: Plan, lease: Lease, course: _Course, in_turn: Callable[[], Awaitable[None]]) -> EndedBy:
        seen = await lease.reset(plan.task)
        while course.actions < plan.max_steps:
            course.last_seen = seen.pixels
            prompt = next_prompt(self._agent, self._chat, self._history, plan, course.steps, seen)
            await in_turn()
            try:
                completion = await self._reply(prompt, plan)
            except ContextFull as error:
                log.info("context full", extra={"episode_id": plan.episode_id, "reason": str(error)})
                return EndedBy.CONTEXT_FULL
            step, problem = self._read(seen, prompt, completion)
            course.steps.append(step)
            await in_turn()
            acted = time.monotonic()
            seen = await self._act(plan, lease, course, step.action, seen)
            self._tell.step(plan, len(course.steps) - 1, step, problem, completion.seconds, time.monotonic() - acted)
            if course.last_action is None:
                course.format_reward = -1.0
                return EndedBy.UNREADABLE_REPLY
            if isinstance(course.last_action, ENDING):
                return EndedBy.FAILED_BY_AGENT if isinstance(course.last_action, Fail) else EndedBy.FINISHED
        course.last_seen = seen.pixels
        return EndedBy.OUT_OF_STEPS

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

    async def _act(
        self, plan: Plan, lease: Lease, course: _Course, action: Action | None, seen: Observation
    ) -> Observation:
        """Do what a reply asks for, as far as there are steps left; nothing follows an action that ends the episode."""
        course.last_action = None
        for one in unfolded(action) if action is not None else ():
            if course.actions == plan.max_steps:
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

    def _ended(self, plan: Plan, course: _Course, verdict: _Verdict, duration_s: float) -> Trajectory:
        score = verdict.score
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
        self._tell.ended(plan, trajectory, course.last_seen)
        return trajectory
