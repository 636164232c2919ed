"""Turns what happened in a step into events. Pure translation; decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arpo_engine.algorithms.base import Prepared
from arpo_engine.conformance.fidelity.checks import checks_of
from arpo_engine.contract.events import (
    GroupCollected,
    GroupMember,
    Injection,
    PhaseChanged,
    ReplayChanged,
    RunStarted,
)
from arpo_engine.contract.reporting import EventSink
from arpo_engine.rollout.plans import GroupPlan
from arpo_engine.trainer.parts import Parts
from arpo_engine.types import Group, Member


def run_started(parts: Parts, resumed_from: int | None) -> None:
    """The attempt began."""
    parts.sink.emit(
        RunStarted(
            run_kind="train",
            total_steps=parts.config.limits.steps,
            resumed_from_step=resumed_from,
            train_tasks=len(parts.train_tasks),
            held_out_tasks=len(parts.held_out_tasks),
            desktops=parts.desktops,
            provenance=parts.provenance,
            checks=list(checks_of(parts.config)),
        )
    )


def groups_collected(sink: EventSink, step: int, prepared: Prepared) -> None:
    """Each group as it will be trained on, and what the memory gained and lost."""
    for group in prepared.groups:
        sink.emit(
            GroupCollected(
                group_id=group.group_id,
                step=step,
                task_id=group.task_id,
                members=[_member(member, step) for member in group.members],
                zero_gradient=group.zero_gradient,
                faults=group.faults,
            )
        )
    if prepared.admitted or prepared.evicted:
        sink.emit(
            ReplayChanged(
                step=step,
                size=prepared.memory_size,
                admitted=dict(prepared.admitted),
                evicted=dict(prepared.evicted),
                stock=dict(prepared.stock),
            )
        )


@dataclass(slots=True)
class Collecting:
    """Tells how many rollouts a step begins. Implements `Watch` of trainer/collecting.py."""

    sink: EventSink
    step: int
    planned: int = 0
    """Rollouts that were told of so far."""

    def begun(self, plans: Sequence[GroupPlan]) -> None:
        """All that are planned, the greedy ones that others are compared with among them."""
        greedy = sum(plan.baseline is not None for plan in plans)
        among = f", {greedy} of them greedy ones to compare with" if greedy else ""
        self.planned = _rollouts_of(plans)
        self._tell(f"{self.planned} rollouts of {len(plans)} tasks{among}")

    def more(self, plans: Sequence[GroupPlan]) -> None:
        """Groups that were rewarded alike run on."""
        self.planned += _rollouts_of(plans)
        self._tell(
            f"{_rollouts_of(plans)} more rollouts, {self.planned} with those before, of {len(plans)} tasks whose "
            "rollouts were rewarded alike"
        )

    def awaited(self, groups: int, rollouts: int) -> None:
        """The next groups of a stream, whichever end first."""
        self.planned = rollouts
        self._tell(f"the next {groups} groups of the stream, {rollouts} rollouts")

    def _tell(self, detail: str) -> None:
        self.sink.emit(PhaseChanged(phase="collecting", step=self.step, detail=detail))


def _rollouts_of(plans: Sequence[GroupPlan]) -> int:
    return sum(len(plan.all_episodes) for plan in plans)


def learning(sink: EventSink, step: int, groups: tuple[Group, ...]) -> None:
    """The update begins."""
    live = sum(not group.zero_gradient for group in groups)
    sink.emit(
        PhaseChanged(phase="learning", step=step, detail=f"{live} of {len(groups)} groups have something to teach")
    )


def _member(member: Member, step: int) -> GroupMember:
    trajectory = member.trajectory
    injected = None
    if member.replaced is not None:
        injected = Injection(
            source_episode_id=trajectory.episode_id,
            source_step=trajectory.collected_at_step,
            source_weight_version=trajectory.steps[0].weight_version if trajectory.steps else 0,
            replaced_episode_id=member.replaced,
            age_steps=step - trajectory.collected_at_step,
            advantage_before=member.advantage_before,
        )
    return GroupMember(
        episode_id=trajectory.episode_id,
        reward=trajectory.reward,
        advantage=member.advantage,
        injected=injected,
        advantage_before=member.advantage_before,
    )
