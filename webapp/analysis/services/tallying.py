"""Counts of a task's tries, kept beside the episodes that they are counted from.

A count is always made anew from the episodes of its step, so counting the same events twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db import connection

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import SOLVED_ABOVE
from webapp.analysis.models import SeenTask
from webapp.bulk import clean_text, copy_upsert
from webapp.runs.models import Run

TASK_COLUMNS: Final = ("run_id", "task_id", "instruction", "domain", "infeasible")
MAX_DOMAIN: Final = 100

COUNT: Final = """
    INSERT INTO analysis_tasktally (task_id, attempt, split, step, successes, tries, faults, retries, superseded)
    SELECT seen.id, e.attempt, e.split, e.step, count(*) FILTER (WHERE e.score > %(solved)s), count(e.score),
           count(*) FILTER (WHERE e.fault <> ''), count(*) FILTER (WHERE e.retry_of <> ''), FALSE
    FROM episodes_episode AS e
    JOIN analysis_seentask AS seen ON seen.run_id = e.run_id AND seen.task_id = e.task_id
    WHERE e.run_id = ANY(%(runs)s) AND e.ended_by <> '' {touched}
    GROUP BY seen.id, e.attempt, e.split, e.step
    ON CONFLICT (task_id, split, step, attempt) DO UPDATE SET
        successes = excluded.successes, tries = excluded.tries, faults = excluded.faults, retries = excluded.retries
"""
# The steps come as numbers, so that the episodes of a step are found by the index on (run, step).
TOUCHED: Final = """
    AND e.step = ANY(%(steps)s) AND (e.attempt, e.task_id, e.split) IN (
        SELECT attempt, task_id, split FROM episodes_episode
        WHERE run_id = ANY(%(runs)s) AND attempt <= %(attempt)s AND key = ANY(%(keys)s)
    )
"""
TASKS: Final = """
    INSERT INTO analysis_seentask (run_id, task_id, instruction, domain, infeasible)
    SELECT DISTINCT ON (run_id, task_id) run_id, task_id, instruction, '', infeasible
    FROM episodes_episode WHERE run_id = ANY(%(runs)s) ORDER BY run_id, task_id, id
    ON CONFLICT (run_id, task_id) DO NOTHING
"""
# An evaluation that goes on keeps what was tried before; a training does the steps after its checkpoint again.
SUPERSEDE: Final = """
    UPDATE analysis_tasktally AS tally SET superseded = TRUE
    FROM analysis_seentask AS seen, runs_runevent AS later
    WHERE seen.id = tally.task_id AND seen.run_id = ANY(%(runs)s) AND NOT tally.superseded
          AND later.run_id = seen.run_id AND later.kind = 'RunStarted' AND later.attempt > tally.attempt
          AND later.data ->> 'run_kind' = 'train'
          AND tally.step > coalesce((later.data ->> 'resumed_from_step')::integer, -1)
"""


def record_events(run: Run, attempt: int, envelopes: Sequence[wire.Envelope]) -> None:
    """Count what these events say about tasks. Called after the episodes and the run's log are written."""
    events = [line.event for line in envelopes]
    _see_tasks(run, [event for event in events if isinstance(event, wire.EpisodeStarted)])
    ended = [event.episode_id for event in events if isinstance(event, wire.EpisodeEnded)]
    if ended:
        _count_ended(run, attempt, ended)
    if attempt > 1 and (ended or any(isinstance(event, wire.RunStarted) for event in events)):
        _execute(SUPERSEDE, {"runs": [run.pk]})


def count_again(run_ids: Iterable[str]) -> None:
    """Make the tasks and counts of whole runs from their episodes, for rows that did not come as events."""
    words = {"runs": list(run_ids), "solved": SOLVED_ABOVE}
    _execute(TASKS, words)
    _execute(COUNT.format(touched=""), words)
    _execute(SUPERSEDE, words)


def _see_tasks(run: Run, begun: Sequence[wire.EpisodeStarted]) -> None:
    rows = [
        (run.pk, event.task_id, clean_text(event.instruction), clean_text(event.domain)[:MAX_DOMAIN], event.infeasible)
        for event in {event.task_id: event for event in begun}.values()
    ]
    copy_upsert(
        SeenTask, TASK_COLUMNS, rows, unique=("run_id", "task_id"), update=("instruction", "domain", "infeasible")
    )


def _count_ended(run: Run, attempt: int, keys: Sequence[str]) -> None:
    words: dict[str, Any] = {"runs": [run.pk], "attempt": attempt, "keys": list(keys), "solved": SOLVED_ABOVE}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT step FROM episodes_episode"
            " WHERE run_id = ANY(%(runs)s) AND attempt <= %(attempt)s AND key = ANY(%(keys)s)",
            words,
        )
        steps = [step for (step,) in cursor.fetchall()]
        cursor.execute(COUNT.format(touched=TOUCHED), {**words, "steps": steps})


def _execute(statement: str, words: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, words)
