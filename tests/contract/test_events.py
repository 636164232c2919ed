"""Every event crosses the wire and comes back equal, and an older console can read a newer engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from arpo_engine.contract import events as wire
from arpo_engine.contract.actions import Click, Drag, Fail, Finished, Hotkey, Scroll, TypeText, Wait
from arpo_engine.contract.fleet import DesktopPhase, DesktopSeen, MachineSeen, OrderOutcome
from arpo_engine.contract.outcomes import EndedBy, Fault, RunOutcome, Split
from arpo_engine.contract.selection import Choice, JudgedTask, Rule, Verdict

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
FRAME = wire.FrameRef(sha256="ab" * 32, width=224, height=168)
ACTIONS = [
    Click(x=1, y=2, button="right", count=2),
    Drag(x=1, y=2, to_x=3, to_y=4),
    Scroll(x=1, y=2, direction="down"),
    TypeText(text="Grüße, 世界 🎉\n"),
    Hotkey(keys=("ctrl", "s")),
    Wait(seconds=0.5),
    Finished(answer="42"),
    Fail(reason="there is no such file"),
]
EVENTS = [
    wire.RunStarted(
        run_kind="train", total_steps=10, resumed_from_step=3, provenance=wire.Provenance(config_hash="c", seed=1)
    ),
    wire.PhaseChanged(phase="collecting", step=1, detail="48 desktops"),
    wire.TasksSelected(
        choice=Choice(
            rule=Rule(attempts=16, success_above=0.0, success_below=None, least_scored=0.5, infeasible="same_rule"),
            tasks=[JudgedTask(task_id="t", successes=3, attempts=15, faults=1, verdict=Verdict.CHOSEN)],
        )
    ),
    wire.EpisodeStarted(
        episode_id="e", task_id="t", instruction="Tick it", split=Split.TRAIN, step=1, desktop="d", retry_of="e0"
    ),
    *(wire.EpisodeStepTaken(episode_id="e", index=0, frame=FRAME, action=action) for action in ACTIONS),
    wire.EpisodeStepTaken(episode_id="e", index=1, action=None, problem="no Action: line", raw_text="hm"),
    wire.EpisodeEnded(episode_id="e", ended_by=EndedBy.FAULT, fault=Fault.DESKTOP_LOST, frame=FRAME),
    wire.GroupCollected(
        group_id="g",
        step=1,
        task_id="t",
        members=[
            wire.GroupMember(
                episode_id="e",
                reward=1.0,
                advantage=0.5,
                injected=wire.Injection(
                    source_episode_id="e9", source_step=0, source_weight_version=2, replaced_episode_id="e1"
                ),
            )
        ],
        zero_gradient=False,
    ),
    wire.ReplayChanged(step=1, size=3, admitted={"t": ["e"]}, stock={"t": 1}),
    wire.MetricsLogged(step=1, values={"train/success": 0.5, "train/kl": None}),
    wire.StepFinished(step=1, total_steps=10, successes=3, attempts=48, eta_s=12.5),
    wire.ValidationFinished(step=0, split=Split.HELD_OUT, successes=1, attempts=4, by_task={"t": (1, 4)}),
    wire.CheckpointSaved(step=1, path="checkpoints/1", best=True, export_path="checkpoints/1/hf"),
    wire.CollapseNoticed(step=1, signal="format", value=-0.9, bound=-0.5, returned_to_step=0, message="replies broke"),
    wire.FaultNoticed(fault=Fault.EVALUATOR_ERROR, message="no result file"),
    wire.DesktopsSeen(
        whole=True,
        desktops=[
            DesktopSeen(
                name="pocket-0/1",
                machine="bench",
                phase=DesktopPhase.ACTING,
                since=AT,
                task_id="t",
                episode_id="e",
                step=2,
                deadline=AT,
                failures={Fault.DESKTOP_STUCK: 1},
            )
        ],
        machines=[MachineSeen(name="bench", draining=True)],
        orders=[OrderOutcome(id="7", done=False, message="these are the last desktops")],
    ),
    wire.HostSampled(
        host="h",
        cpu_percent=150.0,
        cores=2,
        memory_used_mb=1.0,
        memory_total_mb=2.0,
        disk_free_mb=3.0,
        gpus=[{"name": "a GPU", "util_percent": 3.0}],
    ),
    wire.TryoutChanged(
        state="holding",
        taken=3,
        episode_id="e",
        task_id="t",
        step=2,
        instruction="Tick it",
        judged=False,
        idle_s_left=12.5,
        refused="there is nothing to type; give some text",
        note="the context is full",
        screen=(224, 168),
        frame=FRAME,
    ),
    wire.LogWritten(level="info", logger="l", message="m"),
    wire.RunEnded(outcome=RunOutcome.FINISHED, step=10, reason="all steps done"),
]


def envelope(event: wire.Event) -> wire.Envelope:
    return wire.Envelope(attempt=1, seq=1, at=AT, event=event)


def test_there_is_an_example_of_every_kind_of_event() -> None:
    kinds = {member.model_fields["kind"].default for member in get_args(get_args(wire.Event)[0])}
    assert {event.kind for event in EVENTS} == kinds


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_comes_back_as_it_was_sent(event: wire.Event) -> None:
    sent = envelope(event)
    assert wire.Envelope.model_validate_json(sent.model_dump_json()) == sent


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_fields_of_a_newer_engine_are_ignored(event: wire.Event) -> None:
    tree = _with_extra_fields(json.loads(envelope(event).model_dump_json()))
    assert wire.Envelope.model_validate_json(json.dumps(tree)) == envelope(event)


def _with_extra_fields(tree: dict[str, Any]) -> dict[str, Any]:
    event = tree["event"]
    for part in (tree, event, event.get("action"), event.get("frame"), event.get("provenance")):
        if isinstance(part, dict):
            part["of_a_newer_engine"] = {"deep": [1]}
    return tree


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"attempt": 0},
        {"at": "yesterday"},
        {"event": {"kind": "NeverHeardOf"}},
        {"event": {"kind": "StepFinished"}},
    ],
    ids=str,
)
def test_what_is_no_envelope_is_refused(change: dict[str, Any]) -> None:
    tree = json.loads(envelope(EVENTS[-1]).model_dump_json()) | change
    with pytest.raises(ValidationError):
        wire.Envelope.model_validate_json(json.dumps(tree))


@pytest.mark.parametrize("sha256", ["../../etc/passwd", "AB" * 32, "ab" * 31, ""])
def test_a_frame_is_named_by_a_hash_and_nothing_else(sha256: str) -> None:
    with pytest.raises(ValidationError):
        wire.FrameRef(sha256=sha256, width=1, height=1)


def test_an_action_that_is_not_in_the_union_is_refused() -> None:
    with pytest.raises(ValidationError):
        wire.EpisodeStepTaken.model_validate({"episode_id": "e", "index": 0, "action": {"kind": "shell", "text": "rm"}})


def test_a_desktop_at_rest_is_told_in_few_bytes():
    seen = DesktopSeen(name="pocket-0/1", machine="bench", phase=DesktopPhase.SPARE, since=AT)
    assert set(json.loads(seen.model_dump_json())) == {"name", "machine", "phase", "since"}
    assert DesktopSeen.model_validate_json(seen.model_dump_json()) == seen


def test_a_number_that_is_not_finite_says_over_the_wire_which_it_was() -> None:
    logged = wire.MetricsLogged(
        step=1, values={"a": 1.0, "b": float("nan"), "c": float("inf"), "d": float("-inf"), "e": None, "f": 0.0}
    )
    heard = wire.MetricsLogged.model_validate_json(logged.model_dump_json())
    assert heard.values == {"a": 1.0, "b": None, "c": None, "d": None, "e": None, "f": 0.0}
    assert heard.not_finite == {"b": "nan", "c": "inf", "d": "-inf"}


def test_numbers_so_large_that_their_sum_is_infinite_are_finite_all_the_same() -> None:
    assert wire.MetricsLogged(step=1, values={"a": 1e308, "b": 1e308}).not_finite == {}


def test_a_value_that_is_no_number_is_refused_by_its_type() -> None:
    with pytest.raises(ValidationError, match="valid number"):
        wire.MetricsLogged(step=1, values={"a": "many"})  # type: ignore[dict-item]


@pytest.mark.parametrize("key", ["a1-s1-g0-r0", "a1-s1-g0-r0~2", "s1.task.0", "é" * 80])
def test_an_episode_is_named_by_what_can_stand_in_an_address(key: str) -> None:
    assert begun(key).episode_id == key


@pytest.mark.parametrize(
    "key", ["", "a/b", "a\\b", "a?b", "a#b", "a b", "a\nb", "a\x00b", "\u2028", ".", "..", ".a", "x" * 81]
)
def test_an_id_that_no_address_can_hold_is_refused_with_what_may_be_in_one(key: str) -> None:
    with pytest.raises(ValidationError, match="letters that can stand in an address"):
        begun(key)
    with pytest.raises(ValidationError, match="letters that can stand in an address"):
        wire.GroupCollected(group_id=key, step=1, task_id="t", members=[], zero_gradient=True)


def begun(key: str) -> wire.EpisodeStarted:
    """The beginning of an episode of this name."""
    return wire.EpisodeStarted(
        episode_id=key, task_id="t", instruction="Tick it", split=Split.TRAIN, step=1, desktop="d"
    )
