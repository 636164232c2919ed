"""A batch of one attempt's events into rows: each table is written once, in the order in which rows refer to rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from arpo_engine.contract import events as wire
from webapp.bulk import clean_text, copy_update, copy_upsert
from webapp.episodes.models import Episode, Frame, Step, Validation
from webapp.episodes.services.groups import record_groups, record_replay, roll_back_replay
from webapp.runs.models import Run

Stamped = tuple[datetime, Any]
"""When, and the event."""

EPISODE_COLUMNS = (
    "run_id", "attempt", "key", "group_key", "task_id", "instruction", "infeasible", "split", "step", "desktop",
    "retry_of", "evaluator", "started_at", "ended_by", "fault", "note", "steps_count", "tokens", "duration_s",
    "final_frame",
)  # fmt: skip
ENDED_COLUMNS = (
    "id", "ended_at", "ended_by", "fault", "note", "score", "format_reward", "reward", "steps_count", "tokens",
    "duration_s", "final_frame",
)  # fmt: skip
EVALUATOR_LETTERS = 300
"""More of an evaluator's words than the column holds is cut."""
PERSON_LETTERS = 200
STEP_COLUMNS = (
    "episode_id", "index", "frame", "frame_width", "frame_height", "thought", "action", "raw_text", "problem",
    "tokens", "mean_logprob", "weight_version", "generate_s", "act_s", "by", "at",
)  # fmt: skip


def record_events(run: Run, attempt: int, envelopes: Sequence[wire.Envelope]) -> None:
    """Write what these events say about episodes; events of other kinds are passed over."""
    by_kind: dict[type, list[Stamped]] = defaultdict(list)
    for line in envelopes:
        by_kind[type(line.event)].append((line.at, line.event))
    for _, started in by_kind[wire.RunStarted]:
        roll_back_replay(run, attempt, started.resumed_from_step)
    _record_starts(run, attempt, by_kind[wire.EpisodeStarted])
    groups, replays = by_kind[wire.GroupCollected], by_kind[wire.ReplayChanged]
    steps, ends = by_kind[wire.EpisodeStepTaken], by_kind[wire.EpisodeEnded]
    ids = episode_ids(run, attempt, _named_episodes(steps, ends, groups, replays))
    _record_frames(run, [*steps, *ends, *by_kind[wire.TryoutChanged]])
    _record_steps(ids, steps)
    _record_ends(ids, ends)
    record_groups(run, attempt, groups, ids)
    record_replay(run, attempt, replays, ids)
    _record_validations(run, attempt, by_kind[wire.ValidationFinished])


def episode_ids(run: Run, attempt: int, keys: Iterable[str]) -> dict[str, int]:
    """The row of each engine id: this attempt's own, or the latest that an earlier attempt made."""
    wanted = set(keys)
    if not wanted:
        return {}
    rows = Episode.objects.filter(run=run, attempt__lte=attempt, key__in=wanted).order_by("attempt")
    return dict(rows.values_list("key", "id"))


def _named_episodes(
    steps: Sequence[Stamped], ends: Sequence[Stamped], groups: Sequence[Stamped], replays: Sequence[Stamped]
) -> set[str]:
    names = {event.episode_id for _, event in [*steps, *ends]}
    for _, group in groups:
        for member in group.members:
            names.add(member.episode_id)
            if member.injected is not None:
                names |= {member.injected.source_episode_id, member.injected.replaced_episode_id}
    for _, replay in replays:
        for admitted in replay.admitted.values():
            names.update(admitted)
    return names


def _record_starts(run: Run, attempt: int, starts: Sequence[Stamped]) -> None:
    rows = [
        (
            run.pk,
            attempt,
            event.episode_id,
            event.group_id or "",
            event.task_id,
            clean_text(event.instruction),
            event.infeasible,
            event.split.value,
            event.step,
            event.desktop,
            event.retry_of or "",
            clean_text(event.evaluator)[:EVALUATOR_LETTERS],
            at,
            *("", "", "", 0, 0, 0.0, ""),
        )
        for at, event in starts
    ]
    copy_upsert(Episode, EPISODE_COLUMNS, rows, unique=("run_id", "attempt", "key"))


def _record_frames(run: Run, events: Sequence[Stamped]) -> None:
    rows = [
        (run.pk, frame.sha256, frame.media_type, frame.width, frame.height, 0, 0)
        for frame in (event.frame for _, event in events)
        if frame is not None
    ]
    columns = ("run_id", "sha256", "media_type", "width", "height", "size", "asked_times")
    copy_upsert(Frame, columns, rows, unique=("run_id", "sha256"))


def _record_steps(ids: dict[str, int], steps: Sequence[Stamped]) -> None:
    rows = [
        (
            ids[event.episode_id],
            event.index,
            event.frame.sha256 if event.frame else "",
            event.frame.width if event.frame else 0,
            event.frame.height if event.frame else 0,
            clean_text(event.thought),
            event.action.model_dump(mode="json") if event.action else None,
            clean_text(event.raw_text),
            clean_text(event.problem),
            event.tokens,
            event.mean_logprob,
            event.weight_version,
            event.generate_s,
            event.act_s,
            clean_text(event.by)[:PERSON_LETTERS],
            at,
        )
        for at, event in steps
        if event.episode_id in ids
    ]
    copy_upsert(Step, STEP_COLUMNS, rows, unique=("episode_id", "index"))
    counts: dict[int, int] = {}
    for row in rows:
        counts[row[0]] = max(counts.get(row[0], 0), row[1] + 1)
    copy_update(Episode, ("id", "steps_count"), list(counts.items()), key=("id",))


def _record_ends(ids: dict[str, int], ends: Sequence[Stamped]) -> None:
    rows = [
        (
            ids[event.episode_id],
            at,
            event.ended_by.value,
            event.fault.value if event.fault else "",
            clean_text(event.note),
            event.score,
            event.format_reward,
            event.reward,
            event.steps,
            event.tokens,
            event.duration_s,
            event.frame.sha256 if event.frame else "",
        )
        for at, event in ends
        if event.episode_id in ids
    ]
    copy_update(Episode, ENDED_COLUMNS, rows, key=("id",))


def _record_validations(run: Run, attempt: int, validations: Sequence[Stamped]) -> None:
    for at, event in validations:
        Validation.objects.update_or_create(
            run=run,
            attempt=attempt,
            step=event.step,
            split=event.split.value,
            defaults={
                "successes": event.successes,
                "attempts_count": event.attempts,
                "faults": event.faults,
                "infeasible_successes": event.infeasible_successes,
                "infeasible_attempts": event.infeasible_attempts,
                "by_task": {task: list(counts) for task, counts in event.by_task.items()},
                "at": at,
            },
        )
