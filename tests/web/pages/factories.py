"""Rows for page tests, made the way that real ones are: by services, and by events through the engine's own door."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from arpo_engine.contract import events as wire
from arpo_engine.contract.actions import Action, Click, Drag, Finished, Hotkey, Scroll, TypeText
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.outcomes import EndedBy, Fault, RunOutcome, Split
from tests.web.builders import make_attempt
from webapp.accounts.models import Team, User
from webapp.api.ingest import ingest
from webapp.episodes.services import store_frame
from webapp.runs import services
from webapp.runs.models import Run, RunStatus

WIDTH, HEIGHT = 224, 168
SHADES = 8
"""Different screenshots that a run has; a test needs no more."""
GROUP_SIZE = 4
TASKS = {
    "settings-dark-mode": "Switch the dark mode on in Settings",
    "notes-append-milk": "Write “milk” below the list in Notes",
    "files-rename-report": "Rename report.txt to final.txt in Files",
    "mail-send-anna": "Send a mail to anna@example.org with the subject Lunch",
}


def titled_run(owner: User, where: Team, name: str = "First steps", **config: Any) -> Run:
    """A queued run of this name."""
    settings = RunConfig.model_validate({"title": name, **config})
    return services.create_run(owner=owner, team=where, config=settings, preset="pocket_demo")


def picture(shade: int) -> bytes:
    """A small valid PNG of one shade."""
    line = b"\x00" + bytes((shade % 256, 90, 160)) * WIDTH
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(line * HEIGHT)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Engine:
    """Speaks for one attempt, as the reporter would, without the network in between."""

    def __init__(self, of: Run, total_steps: int = 20) -> None:
        self.run = of
        self.attempt, _ = make_attempt(of)
        self.total_steps = total_steps
        self.seq = 0
        self.lines: list[wire.Envelope] = []
        self.at = datetime.now(UTC)
        self.pictures: dict[str, bytes] = {}

    def say(self, *events: Any, seconds: float = 1.0) -> None:
        """Write events down and deliver them, with everything that was written before."""
        self.note(*events, seconds=seconds)
        self.deliver()

    def note(self, *events: Any, seconds: float = 0.05) -> None:
        """Write events down, to be delivered in a larger batch."""
        for event in events:
            self.seq += 1
            self.at += timedelta(seconds=seconds)
            self.lines.append(wire.Envelope(attempt=self.attempt.number, seq=self.seq, at=self.at, event=event))

    def deliver(self) -> None:
        """Hand over what was written down, and the screenshots that the console asks for."""
        answer, gap = ingest(self.attempt, self.lines)
        assert not gap
        self.lines = []
        for sha256 in answer.missing_frames:
            if sha256 in self.pictures:
                store_frame(self.run, sha256, self.pictures[sha256])
        self.attempt.refresh_from_db()

    def start(self) -> None:
        """The engine is up."""
        provenance = wire.Provenance(
            config_hash=self.run.config_hash, seed=0, host="bench-1", versions={"torch": "2.13.0"}
        )
        self.say(
            wire.RunStarted(
                run_kind="train", total_steps=self.total_steps, train_tasks=96, held_out_tasks=24, desktops=8,
                provenance=provenance,
            ),
            wire.PhaseChanged(phase="collecting", step=1, detail="collecting step 1"),
            wire.LogWritten(level="info", logger="arpo_engine.trainer", message="8 desktops are ready"),
        )  # fmt: skip

    def frame(self, shade: int) -> wire.FrameRef:
        """A screenshot that will be delivered when the console asks for it."""
        data = picture(shade % SHADES * 30)
        sha256 = hashlib.sha256(data).hexdigest()
        self.pictures[sha256] = data
        return wire.FrameRef(sha256=sha256, media_type="image/png", width=WIDTH, height=HEIGHT)

    def episode(
        self,
        key: str,
        task: str,
        step: int,
        score: float | None,
        *,
        group: str | None = None,
        split: Split = Split.TRAIN,
        shade: int = 0,
        ends: bool = True,
        fault: Fault | None = None,
        retry_of: str | None = None,
    ) -> None:
        """One whole episode of a few steps (or the beginning of one)."""
        events: list[Any] = [
            wire.EpisodeStarted(
                episode_id=key, group_id=group, task_id=task, instruction=TASKS.get(task, task), split=split, step=step,
                desktop=f"pocket-{shade % 8}", retry_of=retry_of,
            )
        ]  # fmt: skip
        events += list(self._steps(key, step, shade))
        if ends:
            events.append(
                wire.EpisodeEnded(
                    episode_id=key, ended_by=EndedBy.FAULT if fault else EndedBy.FINISHED, fault=fault, score=score,
                    format_reward=None if score is None else 0.0, reward=score, steps=len(ACTIONS), tokens=91,
                    duration_s=3.2, frame=self.frame(shade + 100), note="the desktop did not answer" if fault else "",
                )
            )  # fmt: skip
        self.note(*events)

    def _steps(self, key: str, step: int, shade: int) -> Iterator[wire.EpisodeStepTaken]:
        for index, (thought, action) in enumerate(ACTIONS):
            problem = "" if action else "the reply has no Action line"
            yield wire.EpisodeStepTaken(
                episode_id=key, index=index, frame=self.frame(shade * 7 + index * 11), thought=thought, action=action,
                raw_text=f"Thought: {thought}\nAction: …", problem=problem, tokens=18, mean_logprob=-0.31 - index / 100,
                weight_version=step, generate_s=0.04, act_s=0.01,
            )  # fmt: skip

    def group(self, step: int, place: int, task: str, scores: Sequence[float], rescued_by: str | None = None) -> str:
        """One task's rollouts; `rescued_by` is a remembered success that takes the first one's place."""
        key = f"a{self.attempt.number}-s{step}-g{place}"
        names = [f"{key}-r{slot}" for slot in range(len(scores))]
        for slot, score in enumerate(scores):
            self.episode(names[slot], task, step, score, group=key, shade=step * 16 + place * 4 + slot)
        mean = sum(scores) / len(scores)
        members = [
            wire.GroupMember(episode_id=name, reward=score, advantage=round(score - mean, 3))
            for name, score in zip(names, scores, strict=True)
        ]
        if rescued_by:
            source = wire.Injection(
                source_episode_id=rescued_by, source_step=1, source_weight_version=1, replaced_episode_id=names[0],
                age_steps=step - 1, advantage_before=0.0,
            )  # fmt: skip
            members[0] = wire.GroupMember(episode_id=rescued_by, reward=1.0, advantage=1.5, injected=source)
        equal = len(set(scores)) == 1 and not rescued_by
        self.note(wire.GroupCollected(group_id=key, step=step, task_id=task, members=members, zero_gradient=equal))
        return key

    def finish_step(self, step: int, success: float, replay: int = 0) -> None:
        """The step's numbers."""
        attempts = 16
        values: dict[str, float | None] = {
            "train/success": success, "train/reward": success - 0.05, "train/format": -0.1 / step,
            "train/advantage_std": 0.6 + 0.2 * (step % 3), "train/entropy": 0.9 / step**0.5,
            "train/clip_fraction": 0.02 + 0.01 * (step % 4), "train/clip_fraction_high": 0.01,
            "train/approx_kl": 0.004 + 0.001 * (step % 5), "time/collect_s": 1.9, "time/learn_s": 1.2 + step / 40,
            "time/save_s": 0.2, "replay/size": float(replay), "replay/hits": float(step % 2), "rollout/faults": 0.0,
            "replay/tasks_stocked": float(min(replay, 4)), "episodes": 16.0 * step,
            "train/grad_norm": None if step == 3 else 1.1,
        }  # fmt: skip
        self.note(
            wire.MetricsLogged(step=step, values=values),
            wire.StepFinished(
                step=step,
                total_steps=self.total_steps,
                successes=round(success * attempts),
                attempts=attempts,
                eta_s=240.0,
            ),
            seconds=2.0,
        )

    def end(self, outcome: RunOutcome = RunOutcome.FINISHED, reason: str = "") -> None:
        """The last word."""
        self.say(wire.RunEnded(outcome=outcome, step=self.total_steps, reason=reason))


ACTIONS: list[tuple[str, Action | None]] = [
    ("I open the Settings window.", Click(x=40, y=60)),
    ("The row is selected by a double click.", Click(x=120, y=84, count=2)),
    ("The slider goes to the right.", Drag(x=60, y=120, to_x=150, to_y=120)),
    ("The rest is further down.", Scroll(x=110, y=100, direction="down", clicks=3)),
    ("Now the word.", TypeText(text="milk\n")),
    ("It is saved.", Hotkey(keys=("ctrl", "s"))),
    ("", None),
    ("All is done.", Finished()),
]


def rich_run(
    owner: User, where: Team, name: str = "First steps", steps: int = 2, *, finished: bool = False
) -> tuple[Run, Engine]:
    """A run with groups, a rescue, a retry, a measurement, a checkpoint and curves."""
    made = titled_run(owner, where, name, limits={"steps": max(steps, 20)}, optimizer={"warmup_steps": 2})
    engine = Engine(made)
    engine.start()
    tasks = list(TASKS)
    for step in range(1, steps + 1):
        source = "a1-s1-g0-r1" if step > 1 else None
        engine.group(step, 0, tasks[0], [0.0, 1.0, 0.0, 1.0] if step == 1 else [0.0, 0.0, 0.0, 0.0], rescued_by=source)
        engine.group(step, 1, tasks[step % len(tasks)], [0.0] * GROUP_SIZE)
        if step == 1:
            remembered = {tasks[0]: ["a1-s1-g0-r1", "a1-s1-g0-r3"]}
            engine.note(wire.ReplayChanged(step=1, size=2, admitted=remembered, stock={tasks[0]: 2}))
        engine.finish_step(step, success=min(0.9, 0.1 + 0.05 * step), replay=2)
    engine.episode("a1-lost", tasks[1], steps, None, fault=Fault.DESKTOP_LOST, shade=3)
    engine.episode("a1-lost~1", tasks[1], steps, 1.0, shade=4, retry_of="a1-lost")
    engine.say(
        wire.FaultNoticed(fault=Fault.DESKTOP_LOST, episode_id="a1-lost", message="pocket-3 was replaced"),
        wire.ValidationFinished(step=steps, split=Split.HELD_OUT, successes=7, attempts=24),
        wire.MetricsLogged(step=steps, values={"validation/held_out_success": 7 / 24, "validation/train_success": 0.5}),
        wire.CheckpointSaved(
            step=steps, path=f"checkpoints/{steps}", best=True, bytes=9_400_000, export_path=f"exports/{steps}"
        ),
        wire.HostSampled(
            host="bench-1", cpu_percent=172.0, cores=2, memory_used_mb=5100, memory_total_mb=16000, disk_free_mb=90000,
            run_memory_mb=1900,
        ),
    )  # fmt: skip
    if finished:
        engine.end()
    else:
        engine.episode("a1-now", tasks[2], steps + 1, None, shade=9, ends=False)
        engine.deliver()
    made.refresh_from_db()
    return made, engine


def in_status(made: Run, status: RunStatus, reason: str = "") -> Run:
    """The run in a status that its events alone do not bring about."""
    Run.objects.filter(pk=made.pk).update(status=status, status_reason=reason)
    made.refresh_from_db()
    return made
