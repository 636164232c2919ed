"""Groups as they were trained on, and what replay remembered, forgot and gave back."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from arpo_engine.contract import events as wire
from webapp.bulk import copy_upsert
from webapp.episodes.models import Group, GroupMember, ReplayEntry, ReplayInjection
from webapp.runs.models import Run

Stamped = tuple[datetime, Any]
"""When, and the event."""

GROUP_COLUMNS = (
    "run_id", "attempt", "key", "step", "task_id", "zero_gradient", "faults", "injected", "reward_mean", "reward_std",
    "collected_at",
)  # fmt: skip
INJECTION_COLUMNS = (
    "run_id", "group_id", "task_id", "step", "source_key", "source_id", "source_step", "source_weight_version",
    "replaced_key", "replaced_id", "age_steps", "advantage_before", "advantage_after", "at",
)  # fmt: skip


def record_groups(run: Run, attempt: int, groups: Sequence[Stamped], ids: dict[str, int]) -> None:
    """Write groups with their members and, where replay rescued one, which episode came in for which."""
    if not groups:
        return
    rows = [_group_row(run, attempt, at, event) for at, event in groups]
    copy_upsert(Group, GROUP_COLUMNS, rows, unique=("run_id", "attempt", "key"))
    keys = [event.group_id for _, event in groups]
    group_ids = dict(Group.objects.filter(run=run, attempt=attempt, key__in=keys).values_list("key", "id"))
    members = [
        (
            group_ids[event.group_id],
            place,
            member.episode_id,
            ids.get(member.episode_id),
            member.reward,
            member.advantage,
            member.advantage_before,
        )
        for _, event in groups
        for place, member in enumerate(event.members)
    ]
    columns = ("group_id", "position", "episode_key", "episode_id", "reward", "advantage", "advantage_before")
    copy_upsert(GroupMember, columns, members, unique=("group_id", "position"))
    injections = [
        _injection_row(run, group_ids[event.group_id], at, event, member, member.injected, ids)
        for at, event in groups
        for member in event.members
        if member.injected is not None
    ]
    copy_upsert(ReplayInjection, INJECTION_COLUMNS, injections, unique=("group_id", "replaced_key"))


def _group_row(run: Run, attempt: int, at: datetime, event: wire.GroupCollected) -> tuple[Any, ...]:
    rewards = [member.reward for member in event.members if member.reward is not None]
    return (
        run.pk,
        attempt,
        event.group_id,
        event.step,
        event.task_id,
        event.zero_gradient,
        event.faults,
        sum(member.injected is not None for member in event.members),
        statistics.fmean(rewards) if rewards else None,
        statistics.stdev(rewards) if len(rewards) > 1 else None,
        at,
    )


def _injection_row(
    run: Run,
    group_id: int,
    at: datetime,
    event: wire.GroupCollected,
    member: wire.GroupMember,
    injection: wire.Injection,
    ids: dict[str, int],
) -> tuple[Any, ...]:
    return (
        run.pk,
        group_id,
        event.task_id,
        event.step,
        injection.source_episode_id,
        ids.get(injection.source_episode_id),
        injection.source_step,
        injection.source_weight_version,
        injection.replaced_episode_id,
        ids.get(injection.replaced_episode_id),
        injection.age_steps,
        injection.advantage_before,
        member.advantage,
        at,
    )


def record_replay(run: Run, attempt: int, changes: Sequence[Stamped], ids: dict[str, int]) -> None:
    """Write admissions and evictions, change by change: what comes in now may go out with the next one."""
    columns = ("run_id", "attempt", "task_id", "episode_key", "episode_id", "admitted_step")
    for _, event in changes:
        rows = [
            (run.pk, attempt, task_id, key, ids.get(key), event.step)
            for task_id, keys in event.admitted.items()
            for key in keys
        ]
        copy_upsert(ReplayEntry, columns, rows, unique=("run_id", "attempt", "episode_key"))
        gone = [key for keys in event.evicted.values() for key in keys]
        if gone:
            entries = ReplayEntry.objects.filter(run=run, episode_key__in=gone, evicted_step=None)
            entries.update(evicted_step=event.step)


def roll_back_replay(run: Run, attempt: int, resumed_from_step: int | None) -> None:
    """An attempt resumes with the stock of its checkpoint: what earlier ones did after it never happened."""
    earlier = ReplayEntry.objects.filter(run=run, attempt__lt=attempt)
    if resumed_from_step is None:
        earlier.delete()
        return
    earlier.filter(admitted_step__gt=resumed_from_step).delete()
    earlier.filter(evicted_step__gt=resumed_from_step).update(evicted_step=None)
