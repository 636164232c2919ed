"""Turns what happened in a step into events. Pure translation; decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

from arpo_engine.algorithms.base import Prepared
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


def collecting(sink: EventSink, step: int, plans: Sequence[GroupPlan]) -> None:
    """Rollouts begin: all that are planned, the greedy ones that others are compared with among them."""
    greedy = sum(plan.baseline is not None for plan in plans)
    among = f", {greedy} of them greedy ones to compare with" if greedy else ""
    detail = f"{rollouts_of(plans)} rollouts of {len(plans)} tasks{among}"
    sink.emit(PhaseChanged(phase="collecting", step=step, detail=detail))


def collecting_more(sink: EventSink, step: int, planned: int, more: Sequence[GroupPlan]) -> None:
    """Groups that were rewarded alike run on; `planned` is how many rollouts the step has had so far."""
    detail = (
        f"{rollouts_of(more)} more rollouts, {planned + rollouts_of(more)} with those before, of {len(more)} tasks "
        "whose rollouts were rewarded alike"
    )
    sink.emit(PhaseChanged(phase="collecting", step=step, detail=detail))


def rollouts_of(plans: Sequence[GroupPlan]) -> int:
    """How many episodes plans ask for."""
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
        episode_id=trajectory.episode_id, reward=trajectory.reward, advantage=member.advantage, injected=injected
    )
