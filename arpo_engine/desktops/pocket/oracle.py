"""Solves pocket tasks from the widgets' state: the warm start's demonstrator, and the proof that tasks can be done.

A demonstrator may be sloppy: it forgets sub-goals or clicks beside the right label, which is how the small policy is
left half-trained on purpose.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from arpo_engine.contract.actions import ENDING, Fail, Finished, Hotkey, SingleAction
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.goals import Goal, Move, click
from arpo_engine.desktops.pocket.screen import Screen
from arpo_engine.desktops.pocket.templates import TEMPLATES
from arpo_engine.desktops.pocket.vocabulary import HOME
from arpo_engine.types import Pixels

MAX_STEPS = 8
DONE = Move(thought="done", action=Finished())
IMPOSSIBLE = Move(thought="impossible", action=Fail())
_DISMISS = {"confirm": "No", "rename": "Cancel"}

NOTICE = "notice"
"""The goal of seeing that a task cannot be done; forgotten, the demonstrator says that it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemonstrationStep:
    """What was seen, thought and done."""

    pixels: Pixels
    thought: str
    action: SingleAction


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """One episode of the oracle."""

    task: Task
    steps: tuple[DemonstrationStep, ...]
    score: float


def task_goals(task: Task) -> list[Goal]:
    """The task's sub-goals in order; none of them is the verdict at the end.

    Raises:
        TaskError: the task does not say which template it was made from.
    """
    fields = task.model_extra or {}
    name, words = fields.get("template"), fields.get("words")
    if name not in TEMPLATES or not isinstance(words, list):
        raise TaskError(
            f"task {task.id} names the template {name!r} with words {words!r}; the oracle solves only tasks that "
            f"were made from one of {', '.join(TEMPLATES)}"
        )
    return TEMPLATES[name].goals(*words)


def plan_next(desktop: PocketDesktop, task: Task) -> Move:
    """The right next move from wherever the desktop is."""
    goal = _first_unmet(desktop.screen, task_goals(task))
    move = None if goal is None else _advance(desktop.screen, goal)
    return move or (IMPOSSIBLE if task.infeasible else DONE)


def demonstrate(
    desktop: PocketDesktop,
    task: Task,
    rng: random.Random,
    *,
    skip: float | Mapping[str, float] = 0.0,
    wrong: float = 0.0,
    max_steps: int = MAX_STEPS,
) -> Demonstration:
    """Show the task once.

    Args:
        skip: Probability that a sub-goal is forgotten, for all or by the goal's name (`save`, `confirm`, `option`,
            `notice`, …); a name that is missing is never forgotten.
        wrong: Probability that a click goes to another label that is on the screen, and says so.
        max_steps: Actions after which the episode is cut off.
    """
    before = desktop.reset(task).pixels
    kept, verdict = _remembered(task, rng, skip)
    worked: dict[int, int] = {}
    steps: list[DemonstrationStep] = []
    sloppy = skip != 0.0
    while len(steps) < max_steps:
        move = _next(desktop.screen, kept, worked, limited=sloppy) or verdict
        if wrong and move.thought.startswith("click") and rng.random() < wrong:
            move = _slip(desktop.screen, move, rng)
        steps.append(DemonstrationStep(pixels=before, thought=move.thought, action=move.action))
        before = desktop.step(move.action).pixels
        if isinstance(move.action, ENDING):
            break
    return Demonstration(task=task, steps=tuple(steps), score=desktop.score(steps[-1].action))


def _remembered(task: Task, rng: random.Random, skip: float | Mapping[str, float]) -> tuple[list[Goal], Move]:
    def forgets(name: str) -> bool:
        return rng.random() < (skip if isinstance(skip, int | float) else skip.get(name, 0.0))

    kept = [goal for goal in task_goals(task) if not (goal.forgettable and forgets(goal.name))]
    return kept, IMPOSSIBLE if task.infeasible and not forgets(NOTICE) else DONE


def _next(screen: Screen, kept: list[Goal], worked: dict[int, int], *, limited: bool) -> Move | None:
    """The next move; a demonstrator that forgets things does not come back to a goal that it has worked at."""
    for place, goal in enumerate(kept):
        if goal.met(screen) or (limited and worked.get(place, 0) >= goal.moves):
            continue
        move = _advance(screen, goal)
        if move is None:
            continue
        if _at_work(screen, goal):
            worked[place] = worked.get(place, 0) + 1
        return move
    return None


def _first_unmet(screen: Screen, goals: list[Goal]) -> Goal | None:
    return next((goal for goal in goals if not goal.met(screen)), None)


def _at_work(screen: Screen, goal: Goal) -> bool:
    """Whether nothing stands between the screen and the goal's own moves."""
    return screen.stored.app == goal.app and (screen.overlay is None or screen.overlay.kind == goal.overlay)


def _advance(screen: Screen, goal: Goal) -> Move | None:
    if screen.overlay is not None and screen.overlay.kind != goal.overlay:
        label = _DISMISS.get(screen.overlay.kind)
        return click(screen, label) if label else Move(thought="press esc", action=Hotkey(keys=("esc",)))
    if screen.stored.app == goal.app:
        return goal.move(screen)
    return click(screen, goal.app if screen.stored.app == HOME else "Close")


def _slip(screen: Screen, move: Move, rng: random.Random) -> Move:
    others = [label for label in screen.labels() if f"click {label}" != move.thought]
    return (click(screen, rng.choice(others)) if others else None) or move
