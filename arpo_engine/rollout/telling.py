"""What an episode tells the world while it lasts: events and screenshots. Pure translation; decides nothing."""

from __future__ import annotations

from arpo_engine.contract.actions import Action
from arpo_engine.contract.events import EpisodeEnded, EpisodeStarted, EpisodeStepTaken, FaultNoticed, FrameRef
from arpo_engine.contract.outcomes import Fault
from arpo_engine.contract.reporting import EventSink
from arpo_engine.rollout.plans import Plan
from arpo_engine.types import Pixels, Step, Trajectory

SOMEBODY = "somebody"
"""Who acted, where no name was given."""


class EpisodeTeller:
    """Turns the course of an episode into events."""

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink

    def began(self, plan: Plan, desktop: str) -> None:
        """It has a desktop."""
        self._sink.emit(
            EpisodeStarted(
                episode_id=plan.episode_id,
                group_id=plan.group_id,
                task_id=plan.task.id,
                instruction=plan.task.instruction,
                infeasible=plan.task.infeasible,
                domain=plan.task.domain,
                split=plan.split,
                step=plan.step,
                desktop=desktop,
                retry_of=plan.retry_of,
                evaluator=plan.task.evaluator.words,
            )
        )

    def step(self, plan: Plan, index: int, step: Step, problem: str, generate_s: float, act_s: float) -> None:
        """A reply was sampled and, if it could be read, acted upon; `problem` says why not."""
        logprobs = step.reply_logprobs
        self._sink.emit(
            EpisodeStepTaken(
                episode_id=plan.episode_id,
                index=index,
                frame=self._frame(plan, step.pixels),
                thought=step.thought,
                action=step.action,
                raw_text=step.text,
                problem=problem,
                tokens=len(step.reply_ids) + step.unlisted_tokens,
                mean_logprob=sum(logprobs) / len(logprobs) if logprobs else None,
                weight_version=step.weight_version,
                generate_s=generate_s,
                act_s=act_s,
            )
        )

    def by_hand(self, plan: Plan, index: int, seen: Pixels, action: Action, by: str, act_s: float) -> None:
        """A person acted; there was no reply."""
        frame = self._frame(plan, seen)
        self._sink.emit(
            EpisodeStepTaken(
                episode_id=plan.episode_id, index=index, frame=frame, action=action, act_s=act_s, by=by or SOMEBODY
            )
        )

    def fault(self, plan: Plan, desktop: str, fault: Fault, note: str) -> None:
        """Something broke around the agent."""
        self._sink.emit(FaultNoticed(fault=fault, episode_id=plan.episode_id, desktop=desktop, message=note))

    def ended(self, plan: Plan, trajectory: Trajectory, last_seen: Pixels | None, steps: int) -> None:
        """It is over after so many steps; `last_seen` is the desktop as it was left."""
        self._sink.emit(
            EpisodeEnded(
                episode_id=plan.episode_id,
                ended_by=trajectory.ended_by,
                fault=trajectory.fault,
                note=trajectory.note,
                score=trajectory.score,
                format_reward=trajectory.format_reward if trajectory.score is not None else None,
                reward=trajectory.reward,
                steps=steps,
                tokens=trajectory.tokens,
                duration_s=trajectory.duration_s,
                frame=self._frame(plan, last_seen),
            )
        )

    def _frame(self, plan: Plan, pixels: Pixels | None) -> FrameRef | None:
        return self._sink.store_frame(pixels) if plan.keep_frames and pixels is not None else None
