"""Small builders of what the web's tests talk about: people, runs, attempts, and an engine's lines."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from PIL import Image

from arpo_engine.contract import events as wire
from arpo_engine.contract.actions import Click
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.fleet import DesktopPhase, DesktopSeen, MachineSeen, OrderOutcome
from arpo_engine.contract.outcomes import EndedBy, RunOutcome, Split
from webapp.accounts.models import Membership, Role, Team, User
from webapp.accounts.services import create_team
from webapp.runs.models import Run, RunAttempt
from webapp.runs.services import create_run, start_attempt

EPOCH = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def make_person(username: str, team: Team | None = None, role: Role = Role.RUNNER) -> User:
    """A person, in a team if one is given."""
    user = User.objects.create_user(username=username, password="correct horse battery")
    if team is not None:
        Membership.objects.create(user=user, team=team, role=role)
    return user


def make_team(name: str) -> tuple[Team, User]:
    """A team and its admin."""
    admin = make_person(f"{name.lower().replace(' ', '-')}-admin")
    return create_team(name=name, admin=admin), admin


def make_run(owner: User, team: Team, **changes: Any) -> Run:
    """A queued run of the default configuration."""
    return create_run(owner=owner, team=team, config=RunConfig(title="A run"), **changes)


def make_attempt(run: Run) -> tuple[RunAttempt, str]:
    """The run's next attempt, as the dispatcher starts it, with its secret."""
    with transaction.atomic():
        row = Run.objects.select_for_update().get(pk=run.pk)
        attempt, secret = start_attempt(row, reason="Starting")
    run.refresh_from_db()
    return attempt, secret


def envelopes(events: Iterable[Any], *, attempt: int = 1, first_seq: int = 1) -> list[wire.Envelope]:
    """Events as an attempt's numbered lines."""
    return [
        wire.Envelope(attempt=attempt, seq=seq, at=EPOCH + timedelta(seconds=seq), event=event)
        for seq, event in enumerate(events, start=first_seq)
    ]


def ndjson(lines: Iterable[wire.Envelope]) -> bytes:
    """The body of a batch."""
    return b"".join(line.model_dump_json().encode() + b"\n" for line in lines)


def started(**changes: Any) -> wire.RunStarted:
    """A run begins."""
    fields: dict[str, Any] = {
        "run_kind": "train",
        "total_steps": 10,
        "desktops": 4,
        "provenance": wire.Provenance(config_hash="0" * 16, seed=0, host="bench"),
    }
    return wire.RunStarted(**(fields | changes))


def picture(colour: int) -> bytes:
    """A small WebP of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (colour % 256, 40, 80)).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def frame_of(data: bytes) -> wire.FrameRef:
    """How an event names a picture."""
    return wire.FrameRef(sha256=hashlib.sha256(data).hexdigest(), width=8, height=6)


def episode(
    key: str,
    *,
    step: int = 1,
    group: str | None = None,
    steps: int = 2,
    reward: float | None = 1.0,
    task: str = "notes-save",
    frame: wire.FrameRef | None = None,
    split: Split = Split.TRAIN,
) -> list[Any]:
    """One whole episode: its start, its steps and its end."""
    taken = [
        wire.EpisodeStepTaken(
            episode_id=key,
            index=index,
            frame=frame,
            thought="Save it",
            action=Click(x=3, y=4),
            raw_text="Thought: Save it\nAction: click(start_box='(3,4)')",
            tokens=12,
            mean_logprob=-0.5,
            weight_version=step,
        )
        for index in range(steps)
    ]
    ended = wire.EpisodeEnded(
        episode_id=key,
        ended_by=EndedBy.FINISHED,
        score=reward,
        format_reward=0.0,
        reward=reward,
        steps=steps,
        tokens=12 * steps,
        duration_s=1.5,
        frame=frame,
    )
    begun = wire.EpisodeStarted(
        episode_id=key,
        group_id=group,
        task_id=task,
        instruction="Save the note",
        split=split,
        step=step,
        desktop="pocket-0",
    )
    return [begun, *taken, ended]


def one_step(number: int, total: int = 10, successes: int = 3, attempts: int = 8) -> list[Any]:
    """What the engine says at the end of a training step."""
    return [
        wire.MetricsLogged(step=number, values={"train/success": successes / attempts, "train/entropy": 1.0 / number}),
        wire.StepFinished(step=number, total_steps=total, successes=successes, attempts=attempts, eta_s=60.0),
    ]


def ended(outcome: RunOutcome = RunOutcome.FINISHED, step: int = 10, reason: str = "") -> wire.RunEnded:
    """The last word of an attempt."""
    return wire.RunEnded(outcome=outcome, step=step, reason=reason)


def seen(name: str, phase: DesktopPhase = DesktopPhase.SPARE, **changes: Any) -> DesktopSeen:
    """One desktop at something, on the machine `bench-1`."""
    fields: dict[str, Any] = {"machine": "bench-1", "process": name.partition("/")[0], "since": datetime.now(UTC)}
    return DesktopSeen(name=name, phase=phase, **(fields | changes))


def fleet(*desktops: DesktopSeen, draining: bool = False, orders: Sequence[OrderOutcome] = ()) -> wire.DesktopsSeen:
    """What an engine says of its desktops, all on `bench-1`."""
    machines = [MachineSeen(name="bench-1", draining=draining)]
    return wire.DesktopsSeen(desktops=list(desktops), machines=machines, orders=list(orders))
