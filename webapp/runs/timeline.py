"""Events in a sentence each, for the timeline. Knows the wire's words; knows no row, no request and no HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from arpo_engine.contract.selection import Choice
from webapp.counted import counted

Data = dict[str, Any]

SETS = {
    "train": "training tasks",
    "held_out": "held-out tasks",
    "validation_train": "training tasks",
    "evaluation": "tasks",
}
"""Sets of tasks that are measured, in a person's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineLine:
    """What happened, with an icon and a tone (`plain`, `good`, `warn`, `bad`)."""

    icon: str
    text: str
    tone: str = "plain"


STATUS_TONES = {"finished": "good", "failed": "bad", "lost": "bad", "stopping": "warn", "paused": "warn"}


def describe(kind: str, data: Data) -> TimelineLine:
    """The line of an event; a kind that a newer engine sends is shown by its name."""
    teller = TELLERS.get(kind)
    return teller(data) if teller else TimelineLine(icon="info", text=kind)


def _status(data: Data) -> TimelineLine:
    word = str(data.get("status", ""))
    reason = str(data.get("reason", ""))
    text = f"{word.capitalize()}: {reason}" if reason else word.capitalize()
    return TimelineLine(icon=word or "info", text=text, tone=STATUS_TONES.get(word, "plain"))


def _pause(data: Data) -> TimelineLine:
    return TimelineLine(icon="paused", text=str(data.get("reason", "A pause was asked for")), tone="warn")


def _moved(data: Data) -> TimelineLine:
    return TimelineLine(icon="list", text=str(data.get("reason", "It was moved in the queue")))


def _started(data: Data) -> TimelineLine:
    steps, desktops = counted(data.get("total_steps", 0), "step"), counted(data.get("desktops", 0), "desktop")
    text = f"The engine started: {steps}, {desktops}"
    if data.get("run_kind") == "try":
        text = "The engine started: one agent on one desktop, as people direct it"
    elif data.get("resumed_from_step") is not None and data.get("run_kind") == "evaluate":
        text = "The engine goes on from what earlier attempts have finished"
    elif data.get("resumed_from_step") is not None:
        text = f"The engine goes on from the checkpoint of step {data['resumed_from_step']}"
    return TimelineLine(icon="running", text=text)


def _ended(data: Data) -> TimelineLine:
    outcome = str(data.get("outcome", ""))
    reason = f": {data['reason']}" if data.get("reason") else ""
    tone = STATUS_TONES.get(outcome, "plain")
    return TimelineLine(
        icon=outcome or "info", text=f"The engine {outcome} at step {data.get('step', 0)}{reason}", tone=tone
    )


def _validated(data: Data) -> TimelineLine:
    successes, attempts = int(data.get("successes", 0)), int(data.get("attempts", 0))
    words = str(data.get("tasks") or data.get("split", ""))
    split = SETS.get(words, words)
    share = f"{100 * successes / attempts:.1f} % ({successes}/{attempts})" if attempts else "nothing measured"
    interval = ((data.get("figures") or {}).get("feasible") or {}).get("interval")
    if attempts and interval:
        share += f", 95 % interval {100 * interval[0]:.1f} – {100 * interval[1]:.1f} %"
    return TimelineLine(icon="gauge", text=f"Measured {split} at step {data.get('step', 0)}: {share}")


def _saved(data: Data) -> TimelineLine:
    best = ", the best so far" if data.get("best") else ""
    return TimelineLine(icon="save", text=f"Checkpoint of step {data.get('step', 0)} saved{best}")


def _collapsed(data: Data) -> TimelineLine:
    return TimelineLine(icon="warning", text=str(data.get("message", "The policy collapsed")), tone="bad")


def _fault(data: Data) -> TimelineLine:
    fault = str(data.get("fault", "fault")).replace("_", " ")
    return TimelineLine(icon="warning", text=f"{fault.capitalize()}: {data.get('message', '')}", tone="warn")


def _attempt_lost(data: Data) -> TimelineLine:
    return TimelineLine(icon="lost", text=f"Attempt {data.get('attempt')} is over: {data.get('reason')}", tone="bad")


def _preflight_failed(data: Data) -> TimelineLine:
    failed = [check for check in data.get("checks", ()) if check.get("status") == "fail"]
    words = "; ".join(f"{check.get('message', '')} {check.get('cure', '')}".strip() for check in failed)
    return TimelineLine(icon="failed", text=f"The checks before the start failed: {words}", tone="bad")


def _selected(data: Data) -> TimelineLine:
    choice = Choice.model_validate(data.get("choice"))
    verb = "is" if len(choice.tasks) == 1 else "are"
    words = f"{len(choice.chosen)} of {counted(len(choice.tasks), 'training task')} {verb} practised"
    tries = counted(choice.rule.attempts, "try", "tries")
    made = ", as chosen before" if data.get("kept") else f", chosen by {tries} of each"
    return TimelineLine(icon="gauge", text=words + made, tone="plain" if choice.chosen else "bad")


def _rescued(data: Data) -> TimelineLine:
    """A group whose members came in part from replay; of several the first is told."""
    injected = [member for member in data.get("members", ()) if member.get("injected")]
    first = injected[0] if injected else {}
    source = first.get("injected") or {}
    text = f"Replay rescued {data.get('task_id')} at step {data.get('step', 0)} with a success of step "
    text += f"{source.get('source_step')}, {source.get('source_episode_id')}"
    if source.get("age_steps") is not None:
        text += f", {counted(source['age_steps'], 'step')} old"
    if source.get("advantage_before") is not None and first.get("advantage") is not None:
        text += f": advantage {_signed(source['advantage_before'])} → {_signed(first['advantage'])}"
    if len(injected) > 1:
        text += f"; and {len(injected) - 1} more"
    return TimelineLine(icon="replay", text=text)


def _signed(value: float) -> str:
    return f"{value:+.4g}".replace("-", "−") if value else "0"


def _alert(data: Data) -> TimelineLine:
    tone = "bad" if data.get("grave") else "good"
    return TimelineLine(icon="bell", text=f"Alert: {data.get('title', '')}: {data.get('text', '')}", tone=tone)


def _alert_over(data: Data) -> TimelineLine:
    return TimelineLine(icon="bell", text=f"Over: {data.get('title', '')}", tone="good")


def _control(data: Data) -> TimelineLine:
    text = f"{data.get('by', '')} took over the control"
    return TimelineLine(icon="key", text=f"{text} from {data['before']}" if data.get("before") else text)


TELLERS: dict[str, Callable[[Data], TimelineLine]] = {
    "StatusChanged": _status,
    "PauseRequested": _pause,
    "QueueMoved": _moved,
    "RunStarted": _started,
    "RunEnded": _ended,
    "ValidationFinished": _validated,
    "TasksSelected": _selected,
    "GroupCollected": _rescued,
    "CheckpointSaved": _saved,
    "CollapseNoticed": _collapsed,
    "FaultNoticed": _fault,
    "AttemptLost": _attempt_lost,
    "PreflightFailed": _preflight_failed,
    "AlertRaised": _alert,
    "AlertEnded": _alert_over,
    "TryoutControl": _control,
}
