"""One recorded run into many that differ: other tasks, other ends, lost desktops, a restart. Knows lines, no rows.

A varied run is a run that could have been: what is left out is left out of groups, replay, counts and curves alike, so
that every number on a page still agrees with the episodes below it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

Line = dict[str, Any]
"""An envelope as JSON."""
Data = dict[str, Any]

FAULTS: Final = ("desktop_lost", "desktop_stuck", "evaluator_error")
WOBBLE: Final = 0.03
"""Standard deviation, as a share of its value, that a number gets which follows from nothing else."""
COUNTED: Final = ("train/success", "replay/size", "rollout/faults", "rollout/episodes")
"""Numbers that follow from the episodes that are left; the others are the recording's, with a wobble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """How one run differs from the recording; the same variation of the same lines is the same run."""

    seed: int
    last_step: int
    """The run ends after this step."""
    outcome: str = "finished"
    reason: str = ""
    kept_tasks: float = 1.0
    """Share of the tasks that are practised and measured."""
    fault_share: float = 0.0
    """Share of the failed practice episodes that end with a lost or stuck desktop instead."""
    restarted_from: int | None = None
    """A second attempt goes on from this step, after the first one was lost three steps later."""


def varied(lines: Sequence[Line], variation: Variation) -> list[Line]:
    """The lines of the varied run, numbered anew for each attempt. The recording is left as it is."""
    dice = random.Random(variation.seed)
    story = _Story(list(lines), variation, dice)
    return story.told()


class _Story:
    """The recording cut into steps, with what is left out of it."""

    def __init__(self, lines: list[Line], variation: Variation, dice: random.Random) -> None:
        self._variation = variation
        self._dice = dice
        self._steps = _by_step(lines)
        starts = [line["event"] for line in lines if line["event"]["kind"] == "EpisodeStarted"]
        tasks = sorted({start["task_id"] for start in starts})
        self._tasks = set(dice.sample(tasks, max(1, round(len(tasks) * variation.kept_tasks))))
        self._episodes = {start["episode_id"]: start for start in starts if start["task_id"] in self._tasks}
        self._infeasible = {start["task_id"] for start in starts if start["infeasible"]}
        self._faulty = self._choose_faults(lines)

    def told(self) -> list[Line]:
        """All lines, in order."""
        last, cut = self._variation.last_step, self._variation.restarted_from
        if cut is None:
            told = self._attempt(1, range(last + 1))
        else:
            lost_at = min(cut + 3, last)
            told = self._attempt(1, range(lost_at + 1))
            started = next(line for line in self._steps[0] if line["event"]["kind"] == "RunStarted")
            again = {**started, "event": {**started["event"], "resumed_from_step": cut}, "at": told[-1]["at"]}
            told += _numbered([again, *self._lines(range(cut + 1, last + 1))], 2)
        attempt, seq = told[-1]["attempt"], told[-1]["seq"]
        end = {"kind": "RunEnded", "outcome": self._variation.outcome, "step": last, "reason": self._variation.reason}
        return [*told, {"v": told[-1]["v"], "attempt": attempt, "seq": seq + 1, "at": told[-1]["at"], "event": end}]

    def _attempt(self, number: int, steps: range) -> list[Line]:
        return _numbered(self._lines(steps), number)

    def _lines(self, steps: range) -> list[Line]:
        lines = [line for step in steps for line in self._steps.get(step, ()) if self._keep(line["event"])]
        counts: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
        for line in lines:
            event = line["event"]
            if event["kind"] == "EpisodeEnded":
                self._count(event, counts)
        return [{**line, "event": self._vary(line["event"], counts)} for line in lines]

    def _keep(self, event: Data) -> bool:
        kind = event["kind"]
        if kind == "RunEnded":
            return False
        if "episode_id" in event and kind != "FaultNoticed":
            return event["episode_id"] in self._episodes
        return kind != "GroupCollected" or event["task_id"] in self._tasks

    def _choose_faults(self, lines: Sequence[Line]) -> dict[str, str]:
        """Failed episodes that no group got back from the memory, each with the fault it gets."""
        ends = [line["event"] for line in lines if line["event"]["kind"] == "EpisodeEnded"]
        named = {
            member["injected"][name]
            for line in lines
            if line["event"]["kind"] == "GroupCollected"
            for member in line["event"]["members"]
            if member.get("injected")
            for name in ("source_episode_id", "replaced_episode_id")
        }
        return {
            end["episode_id"]: self._dice.choice(FAULTS)
            for end in ends
            if end["episode_id"] in self._episodes
            and self._episodes[end["episode_id"]]["split"] == "train"
            and not end["score"]
            and end["episode_id"] not in named
            and self._dice.random() < self._variation.fault_share
        }

    def _count(self, end: Data, counts: dict[int, list[int]]) -> None:
        """Successes, attempts and faults of the step's practice, infeasible tasks apart."""
        start = self._episodes[end["episode_id"]]
        if start["split"] != "train":
            return
        of = counts[start["step"]]
        if end["episode_id"] in self._faulty:
            of[2] += 1
        elif not start["infeasible"] and end["score"] is not None:
            of[0] += end["score"] > 0
            of[1] += 1

    def _vary(self, event: Data, counts: dict[int, list[int]]) -> Data:
        change = getattr(self, f"_vary_{event['kind']}", None)
        return change(event, counts) if change else event

    def _vary_EpisodeEnded(self, event: Data, counts: dict[int, list[int]]) -> Data:
        fault = self._faulty.get(event["episode_id"])
        if fault is None:
            return event
        none = {"score": None, "format_reward": None, "reward": None}
        return {**event, **none, "ended_by": "fault", "fault": fault, "note": "the desktop did not answer for 30 s"}

    def _vary_GroupCollected(self, event: Data, counts: dict[int, list[int]]) -> Data:
        members = [member for member in event["members"] if member["episode_id"] not in self._faulty]
        return {
            **event,
            "members": members,
            "faults": event["faults"] + len(event["members"]) - len(members),
            "zero_gradient": len({member["reward"] for member in members}) <= 1,
        }

    def _vary_ReplayChanged(self, event: Data, counts: dict[int, list[int]]) -> Data:
        kept = {
            name: {task: what for task, what in event[name].items() if task in self._tasks}
            for name in ("admitted", "evicted", "stock")
        }
        return {**event, **kept, "size": sum(kept["stock"].values())}

    def _vary_ValidationFinished(self, event: Data, counts: dict[int, list[int]]) -> Data:
        by_task = {task: counted for task, counted in event["by_task"].items() if task in self._tasks}
        feasible = [counted for task, counted in by_task.items() if task not in self._infeasible]
        others = [counted for task, counted in by_task.items() if task in self._infeasible]
        return {
            **event,
            "by_task": by_task,
            "successes": sum(done for done, _ in feasible),
            "attempts": sum(tried for _, tried in feasible),
            "infeasible_successes": sum(done for done, _ in others),
            "infeasible_attempts": sum(tried for _, tried in others),
            "figures": None,
        }

    def _vary_StepFinished(self, event: Data, counts: dict[int, list[int]]) -> Data:
        done, tried, _ = counts[event["step"]]
        total = max(event["total_steps"], self._variation.last_step)
        return {**event, "successes": done, "attempts": tried, "total_steps": total}

    def _vary_MetricsLogged(self, event: Data, counts: dict[int, list[int]]) -> Data:
        done, tried, faults = counts[event["step"]]
        values = {key: self._wobble(key, value) for key, value in event["values"].items()}
        if "train/success" in values:
            values["train/success"] = done / tried if tried else None
            values["rollout/faults"] = float(faults)
        return {**event, "values": values}

    def _wobble(self, key: str, value: float | None) -> float | None:
        if value is None or key in COUNTED or float(value).is_integer():
            return value
        return float(value * (1 + self._dice.gauss(0, WOBBLE)))


def _by_step(lines: Sequence[Line]) -> dict[int, list[Line]]:
    """The lines of each step, from the beginning of its collection on; those before the first one are step 0's."""
    steps: dict[int, list[Line]] = defaultdict(list)
    step = 0
    for line in lines:
        event = line["event"]
        if event["kind"] == "PhaseChanged" and event["phase"] == "collecting":
            step = event["step"]
        steps[step].append(line)
    return steps


def _numbered(lines: Sequence[Line], attempt: int) -> list[Line]:
    return [{**line, "attempt": attempt, "seq": seq} for seq, line in enumerate(lines, start=1)]
