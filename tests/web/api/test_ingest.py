"""The engine's door: what it takes once, what it takes twice, and what it refuses."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.test import Client

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import EndedBy, Fault, RunOutcome
from tests.web.builders import (
    ended,
    envelopes,
    episode,
    frame_of,
    make_attempt,
    make_run,
    ndjson,
    one_step,
    picture,
    started,
)
from webapp.episodes.models import Episode, Frame, GroupMember, ReplayEntry, ReplayInjection, Step, Validation
from webapp.metrics.models import Point
from webapp.runs.models import Run, RunAttempt, RunEvent, RunStatus

pytestmark = pytest.mark.django_db


def first_lines() -> list[wire.Envelope]:
    return envelopes([started(), *episode("e1"), *one_step(1)])


def test_a_batch_becomes_rows_and_the_run_runs(post: Any, run: Run) -> None:
    answer = post(first_lines())
    assert answer.status_code == 200
    assert answer.json() == {
        "directive": "run",
        "contract": 1,
        "last_seq": 7,
        "missing_frames": [],
        "orders": [],
        "directions": [],
    }
    run.refresh_from_db()
    assert (run.status, run.step, run.total_steps, run.desktops) == (RunStatus.RUNNING, 1, 10, 4)
    assert (run.successes, run.attempts_count) == (3, 8)
    assert Episode.objects.get(run=run).steps_count == 2
    assert Step.objects.filter(episode__run=run).count() == 2
    assert Point.objects.filter(series__run=run).count() == 2


def test_a_batch_that_comes_twice_counts_once(post: Any, run: Run) -> None:
    post(first_lines())
    before = RunEvent.objects.filter(run=run).count()
    again = post(first_lines())
    assert (again.status_code, again.json()["last_seq"]) == (200, 7)
    run.refresh_from_db()
    assert RunEvent.objects.filter(run=run).count() == before
    assert run.episodes_count == 1
    assert run.sparkline == [0.375]


def test_a_batch_that_overlaps_adds_only_its_new_lines(post: Any, run: Run) -> None:
    lines = first_lines()
    post(lines[:4])
    assert post(lines[2:]).json()["last_seq"] == 7
    assert Step.objects.filter(episode__run=run).count() == 2


def test_a_gap_is_answered_with_where_to_go_on(post: Any, run: Run) -> None:
    lines = first_lines()
    post(lines[:2])
    answer = post(lines[4:])
    assert (answer.status_code, answer.json()["last_seq"]) == (409, 2)
    assert post(lines[2:]).json()["last_seq"] == 7


def test_cursors_are_numbered_without_a_hole(post: Any, run: Run) -> None:
    lines = first_lines()
    post(lines[:3])
    post(lines[3:])
    cursors = list(RunEvent.objects.filter(run=run).values_list("cursor", flat=True))
    run.refresh_from_db()
    assert cursors == list(range(1, run.last_cursor + 1))


def test_a_heartbeat_tells_how_far_and_what_to_do(post: Any, run: Run, engine: tuple[RunAttempt, str]) -> None:
    post(first_lines())
    Run.objects.filter(pk=run.pk).update(directive="stop_gracefully")
    assert post(b"").json() == {
        "directive": "stop_gracefully",
        "contract": 1,
        "last_seq": 7,
        "missing_frames": [],
        "orders": [],
        "directions": [],
    }
    engine[0].refresh_from_db()
    assert engine[0].lease_until is not None


def test_gzip_is_unpacked(post: Any) -> None:
    body = gzip.compress(ndjson(first_lines()))
    assert post(body, **{"Content-Encoding": "gzip"}).json()["last_seq"] == 7


@pytest.mark.parametrize(("body", "word"), [(b"not gzip", "unpacked"), (gzip.compress(b"x" * 5000)[:-9], "early")])
def test_a_body_that_is_no_whole_gzip_is_refused(post: Any, body: bytes, word: str) -> None:
    answer = post(body, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 422
    assert word in answer.json()["detail"]


def test_a_body_over_the_limit_is_refused_with_the_cure(post: Any) -> None:
    answer = post(b"x" * (8 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert "fewer lines" in answer.json()["detail"]


def test_a_gzip_that_unpacks_beyond_the_limit_is_refused(post: Any) -> None:
    bomb = gzip.compress(b"\n" * (40 * 1024 * 1024))
    assert post(bomb, **{"Content-Encoding": "gzip"}).status_code == 413


def test_a_bad_line_is_named_and_nothing_of_the_batch_is_kept(post: Any, run: Run) -> None:
    body = (
        ndjson(first_lines()) + b'{"attempt": 1, "seq": 8, "at": "2026-01-01T00:00:00Z", "event": {"kind": "Nope"}}\n'
    )
    answer = post(body)
    assert (answer.status_code, answer.json()["line"]) == (422, 8)
    assert "line 8: event" in answer.json()["detail"]
    assert not Episode.objects.filter(run=run).exists()


def test_a_line_that_is_no_json_is_named(post: Any) -> None:
    answer = post(b"{}\nthis is no json\n")
    assert answer.json()["line"] == 1
    assert post(ndjson(first_lines()[:1]) + b"this is no json\n").json()["line"] == 2


def test_an_episode_with_a_fault_and_a_score_is_refused(post: Any) -> None:
    event = wire.EpisodeEnded(episode_id="e1", ended_by=EndedBy.FAULT, fault=Fault.DESKTOP_LOST, score=0.0)
    answer = post(envelopes([event]))
    assert (answer.status_code, answer.json()["line"]) == (422, 1)
    assert "desktop_lost" in answer.json()["detail"]


def test_a_value_that_the_database_cannot_hold_is_refused_not_retried(post: Any, run: Run) -> None:
    answer = post(envelopes([started(), *episode("e1", task="t" * 300)]))
    assert answer.status_code == 422
    assert "line" not in answer.json()
    assert not Episode.objects.filter(run=run).exists()


def test_an_episode_that_no_address_could_name_is_refused_with_its_line(post: Any, run: Run) -> None:
    lines = envelopes([started(), *episode("e1")])
    answer = post(ndjson(lines).replace(b'"e1"', b'"e/1"'))
    assert (answer.status_code, answer.json()["line"]) == (422, 2)
    assert "can stand in an address" in answer.json()["detail"]
    assert not Episode.objects.filter(run=run).exists()


def test_text_with_a_nul_character_is_kept(post: Any, run: Run) -> None:
    lines = envelopes(
        [started(), *episode("e1", steps=0)[:1], wire.EpisodeStepTaken(episode_id="e1", index=0, raw_text="a\x00b")]
    )
    assert post(lines).status_code == 200
    assert Step.objects.get(episode__run=run).raw_text == "a\ufffdb"


def test_without_a_token_nobody_comes_in(client: Client, run: Run) -> None:
    answer = client.post(f"/api/v1/runs/{run.pk}/events", b"", content_type="application/x-ndjson")
    assert answer.status_code == 401
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_a_wrong_token_is_refused(post: Any) -> None:
    assert post(b"", secret="run_wrong").status_code == 403


def test_another_runs_token_is_refused(post: Any, runner: Any, team: Any) -> None:
    other = make_run(runner, team)
    _, secret = make_attempt(other)
    assert post(first_lines(), secret=secret).status_code == 403
    assert not RunEvent.objects.filter(attempt=1).exists()


def test_a_run_that_does_not_exist_looks_like_a_wrong_token(post: Any) -> None:
    assert post(b"", run_id="000000000000").status_code == 403


def test_a_later_attempt_ships_what_an_earlier_one_left(post: Any, run: Run) -> None:
    lines = first_lines()
    post(lines[:3])
    _, secret = make_second_attempt(run)
    assert post(lines[3:], secret=secret).json()["last_seq"] == 7
    assert Episode.objects.get(run=run).ended_by == "finished"
    run.refresh_from_db()
    assert run.status == RunStatus.PREPARING


def test_an_attempt_may_not_speak_for_a_later_one(post: Any) -> None:
    answer = post(envelopes([started()], attempt=2))
    assert (answer.status_code, answer.json()["line"]) == (422, 1)


def test_a_replaced_attempt_is_told_to_stop_and_does_not_move_the_run(post: Any, run: Run) -> None:
    post(first_lines()[:1])
    make_second_attempt(run)
    answer = post(envelopes(one_step(1), first_seq=2))
    assert answer.json()["directive"] == "stop_gracefully"
    run.refresh_from_db()
    assert run.step == 0


def make_second_attempt(run: Run) -> tuple[RunAttempt, str]:
    Run.objects.filter(pk=run.pk).update(status=RunStatus.QUEUED)
    return make_attempt(run)


def test_missing_frames_are_asked_for_and_then_no_more_at_once(post: Any, run: Run) -> None:
    frame = frame_of(picture(1))
    lines = envelopes([started(), *episode("e1", frame=frame)])
    assert post(lines).json()["missing_frames"] == [frame.sha256]
    assert post(b"").json()["missing_frames"] == []
    assert post(b"", query="?frames=all").json()["missing_frames"] == [frame.sha256], "the last answer may be lost"
    assert Frame.objects.get(run=run).stored_at is None


@pytest.mark.parametrize(
    ("directive", "outcome", "status"),
    [
        ("run", RunOutcome.FINISHED, RunStatus.FINISHED),
        ("stop_gracefully", RunOutcome.STOPPED, RunStatus.STOPPED),
        ("run", RunOutcome.FAILED, RunStatus.FAILED),
        ("pause", RunOutcome.STOPPED, RunStatus.PAUSED),
    ],
)
def test_the_last_word_decides_the_status(
    post: Any, run: Run, directive: str, outcome: RunOutcome, status: RunStatus
) -> None:
    post(envelopes([started()]))
    Run.objects.filter(pk=run.pk).update(directive=directive)
    post(envelopes([ended(outcome, reason="Because")], first_seq=2))
    run.refresh_from_db()
    assert (run.status, run.status_reason) == (status, "Because")
    assert (run.finished_at is None) == (status == RunStatus.PAUSED)


def test_replay_links_both_episodes(post: Any, run: Run) -> None:
    rescued = wire.GroupCollected(
        group_id="g2",
        step=2,
        task_id="notes-save",
        members=[
            wire.GroupMember(episode_id="e2", reward=0.0, advantage=-0.7),
            wire.GroupMember(
                episode_id="e1",
                reward=1.0,
                advantage=0.7,
                injected=wire.Injection(
                    source_episode_id="e1",
                    source_step=1,
                    source_weight_version=1,
                    replaced_episode_id="e3",
                    age_steps=1,
                    advantage_before=-0.35,
                ),
            ),
        ],
        zero_gradient=False,
    )
    change = wire.ReplayChanged(step=1, size=1, admitted={"notes-save": ["e1"]}, stock={"notes-save": 1})
    events = [
        started(),
        *episode("e1"),
        change,
        *episode("e2", step=2, group="g2", reward=0.0),
        *episode("e3", step=2, group="g2", reward=0.0),
        rescued,
    ]
    post(envelopes(events))
    injection = ReplayInjection.objects.get(run=run)
    assert injection.source is not None and injection.replaced is not None
    assert (injection.source.key, injection.replaced.key) == ("e1", "e3")
    assert (injection.age_steps, injection.advantage_before, injection.advantage_after) == (1, -0.35, 0.7)
    assert list(GroupMember.objects.filter(group__run=run).values_list("advantage", flat=True)) == [-0.7, 0.7]
    assert ReplayEntry.objects.get(run=run).episode == injection.source
    run.refresh_from_db()
    assert run.replay_size == 1


def test_a_resumed_attempt_takes_back_what_replay_learnt_after_its_checkpoint(post: Any, run: Run) -> None:
    admitted = [
        wire.ReplayChanged(step=step, size=step, admitted={"notes-save": [f"e{step}"]}, stock={"notes-save": step})
        for step in (1, 2, 3)
    ]
    evicted = wire.ReplayChanged(step=3, size=2, evicted={"notes-save": ["e1"]}, stock={"notes-save": 2})
    post(envelopes([started(), *admitted, evicted]))
    _, secret = make_second_attempt(run)
    post(envelopes([started(resumed_from_step=2)], attempt=2), secret=secret)
    stock = ReplayEntry.objects.filter(run=run, evicted_step=None).values_list("episode_key", flat=True)
    assert sorted(stock) == ["e1", "e2"]


def test_a_checkpoint_and_a_validation_become_rows(post: Any, run: Run) -> None:
    saved = wire.CheckpointSaved(step=5, path="checkpoints/5", best=True, bytes=9, export_path="checkpoints/5/hf")
    measured = wire.ValidationFinished(
        step=5, split="held_out", successes=6, attempts=24, by_task={"notes-save": (1, 2)}
    )
    post(envelopes([started(), saved, measured]))
    run.refresh_from_db()
    assert run.best_checkpoint is not None and run.best_checkpoint.export_path == "checkpoints/5/hf"
    assert (run.held_out_successes, run.held_out_attempts) == (6, 24)
    assert Validation.objects.get(run=run).by_task == {"notes-save": [1, 2]}
    assert Point.objects.get(series__key="validation/held_out/success").value == 0.25


def test_the_log_keeps_light_events_whole_and_heavy_ones_slim(post: Any, run: Run) -> None:
    post(first_lines())
    step = RunEvent.objects.filter(run=run, kind="EpisodeStepTaken").first()
    assert step is not None and "raw_text" not in step.data and step.data["thought"] == "Save it"
    metrics = RunEvent.objects.get(run=run, kind="MetricsLogged")
    assert metrics.data["values"]["train/success"] == 0.375


def test_a_missing_number_stays_missing(post: Any, run: Run) -> None:
    post(envelopes([started(), wire.MetricsLogged(step=1, values={"train/kl": None})]))
    assert Point.objects.get(series__run=run).value is None


def test_an_unknown_field_of_a_newer_engine_is_passed_over(post: Any) -> None:
    tree = json.loads(envelopes([started()])[0].model_dump_json())
    tree["event"]["colour"] = "green"
    assert post(json.dumps(tree).encode()).status_code == 200
