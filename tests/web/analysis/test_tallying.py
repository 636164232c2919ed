"""Counts of tasks: made from events, the same however often they come, and honest about faults and repeated steps."""

from __future__ import annotations

import random
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import EndedBy, Fault, Split
from tests.web.builders import envelopes, episode, make_attempt, started
from webapp.analysis.models import SeenTask, TaskTally
from webapp.analysis.services import count_again, record_events
from webapp.api.ingest import ingest
from webapp.episodes.models import Episode
from webapp.runs.models import Run, RunAttempt

pytestmark = pytest.mark.django_db

Tally = tuple[str, str, int, int, int, int, int]


def tallies(run: Run, **which: Any) -> list[Tally]:
    rows = TaskTally.objects.filter(task__run=run, **which).order_by("task__task_id", "split", "step", "attempt")
    names = ("task__task_id", "split", "step", "successes", "tries", "faults", "retries")
    return list(rows.values_list(*names))


def lost(key: str, task: str = "notes-save", step: int = 1, retry_of: str | None = None) -> list[Any]:
    begun = wire.EpisodeStarted(
        episode_id=key, task_id=task, instruction="Save", split=Split.TRAIN, step=step, desktop="d", retry_of=retry_of
    )  # fmt: skip
    ended = wire.EpisodeEnded(episode_id=key, ended_by=EndedBy.FAULT, fault=Fault.DESKTOP_LOST)
    return [begun, ended]


def retried(key: str, of: str, reward: float) -> list[Any]:
    begun, *rest = episode(key, reward=reward)
    return [begun.model_copy(update={"retry_of": of}), *rest]


def next_attempt(run: Run) -> RunAttempt:
    """The run goes on after its process was lost."""
    Run.objects.filter(pk=run.pk).update(status="queued")
    return make_attempt(run)[0]


def test_successes_and_tries_are_counted_by_task_split_and_step(run: Run, engine: tuple[RunAttempt, str]) -> None:
    ingest(
        engine[0],
        envelopes(
            [
                started(),
                *episode("a", reward=1.0),
                *episode("b", reward=0.0),
                *episode("c", reward=1.0, step=2),
                *episode("d", reward=0.0, split=Split.HELD_OUT),
                *episode("e", task="mail-send"),
            ]
        ),
    )
    assert tallies(run) == [
        ("mail-send", "train", 1, 1, 1, 0, 0),
        ("notes-save", "held_out", 1, 0, 1, 0, 0),
        ("notes-save", "train", 1, 1, 2, 0, 0),
        ("notes-save", "train", 2, 1, 1, 0, 0),
    ]


def test_a_score_counts_as_the_engine_counts_it(run: Run, engine: tuple[RunAttempt, str]) -> None:
    ingest(engine[0], envelopes([started(), *episode("a", reward=0.6), *episode("b", reward=0.5)]))
    assert tallies(run) == [("notes-save", "train", 1, 1, 2, 0, 0)]


def test_a_fault_is_no_try_and_a_retry_is_known_as_one(run: Run, engine: tuple[RunAttempt, str]) -> None:
    ingest(engine[0], envelopes([started(), *lost("a"), *retried("b", "a", 1.0), *lost("c")]))
    assert tallies(run) == [("notes-save", "train", 1, 1, 1, 2, 1)]


def test_an_episode_that_is_under_way_is_not_counted(run: Run, engine: tuple[RunAttempt, str]) -> None:
    ingest(engine[0], envelopes([started(), *episode("a")[:-1]]))
    assert tallies(run) == []
    assert SeenTask.objects.get(run=run).instruction == "Save the note"


def test_the_batches_that_events_come_in_make_no_difference(run: Run, engine: tuple[RunAttempt, str]) -> None:
    chance = random.Random(3)
    events: list[Any] = [started()]
    for number in range(60):
        task, step = f"task-{chance.randrange(5)}", chance.randrange(3)
        events += episode(f"e{number}", reward=float(chance.random() < 0.4), task=task, step=step, steps=1)
    lines = envelopes(events)
    for place in range(0, len(lines), 17):
        ingest(engine[0], lines[place : place + 17])
        engine[0].refresh_from_db()
    counted = tallies(run)
    assert sum(tries for *_, tries, _, _ in counted) == 60
    record_events(run, 1, lines)
    assert tallies(run) == counted
    TaskTally.objects.all().delete()
    SeenTask.objects.all().delete()
    count_again([run.pk])
    assert tallies(run) == counted


def test_what_a_resumed_attempt_does_again_supersedes_what_was(run: Run, engine: tuple[RunAttempt, str]) -> None:
    first = [started(), *(line for step in (1, 2, 3) for line in episode(f"a{step}", step=step))]
    ingest(engine[0], envelopes(first))
    again = next_attempt(run)
    resumed = started(resumed_from_step=1)
    ingest(again, envelopes([resumed, *episode("b2", step=2, reward=0.0)], attempt=2))
    assert [(step, successes) for _, _, step, successes, *_ in tallies(run, superseded=False)] == [(1, 1), (2, 0)]
    assert len(tallies(run)) == 4
    count_again([run.pk])
    assert len(tallies(run, superseded=True)) == 2


def test_an_evaluation_that_goes_on_keeps_what_it_tried(run: Run, engine: tuple[RunAttempt, str]) -> None:
    begun = started(run_kind="evaluate")
    ingest(engine[0], envelopes([begun, *episode("a", split=Split.EVALUATION)]))
    again = next_attempt(run)
    ingest(again, envelopes([begun, *episode("b", split=Split.EVALUATION)], attempt=2))
    assert len(tallies(run, superseded=False)) == 2


def test_the_domain_comes_with_the_event_and_hostile_text_is_taken(run: Run, engine: tuple[RunAttempt, str]) -> None:
    begun, *rest = episode("a")
    strange = begun.model_copy(update={"domain": "libre\x00office" + "x" * 200, "infeasible": True})
    ingest(engine[0], envelopes([started(), strange, *rest]))
    seen = SeenTask.objects.get(run=run)
    assert seen.domain.startswith("libre\ufffdoffice") and len(seen.domain) == 100
    assert seen.infeasible


def test_the_migration_counts_what_was_there(run: Run, engine: tuple[RunAttempt, str]) -> None:
    ingest(engine[0], envelopes([started(), *episode("a"), *lost("b"), *episode("c", step=2)]))
    again = next_attempt(run)
    ingest(again, envelopes([started(resumed_from_step=1), *episode("d", step=2, reward=0.0)], attempt=2))
    counted, superseded = tallies(run), tallies(run, superseded=True)
    migration = import_module("webapp.analysis.migrations.0002_count_what_is_there")
    with connection.cursor() as cursor:
        for statement in (*migration.EMPTY, migration.TASKS, migration.TALLIES, migration.SUPERSEDED):
            cursor.execute(statement)
    assert tallies(run) == counted and tallies(run, superseded=True) == superseded != []


def test_counts_leave_with_their_run(run: Run, engine: tuple[RunAttempt, str]) -> None:
    ingest(engine[0], envelopes([started(), *episode("a")]))
    Episode.objects.all().delete()
    run.delete()
    assert not SeenTask.objects.exists() and not TaskTally.objects.exists()
