"""The pocket desktop behind the `Desktop` protocol: a screen, a person's input, and the score of its task."""

from __future__ import annotations

from typing import Any

from arpo_engine.contract.actions import SingleAction
from arpo_engine.contract.errors import DesktopLost, EvaluatorError, SetupFailed
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pocket.apps import ALL_PAGES
from arpo_engine.desktops.pocket.evaluators import Outcome, score
from arpo_engine.desktops.pocket.input import Input
from arpo_engine.desktops.pocket.qt import (
    application,
    destroy,
)
from arpo_engine.desktops.pocket.screen import Screen
from arpo_engine.desktops.pocket.state import InitialState, Saved, read_state
from arpo_engine.types import Observation

SETUP_STEP = "pocket_state"


class PocketDesktop:
    """One desktop; many live in one process, all in its main thread."""

    def __init__(self) -> None:
        application()
        self._screen: Screen | None = Screen(ALL_PAGES)
        self._input = Input(self._screen)
        self._task: Task | None = None
        self._before: dict[str, Any] = {}

    @property
    def screen(self) -> Screen:
        """The widgets; for oracles and tests, never for a policy.

        Raises:
            DesktopLost: the desktop has been closed.
        """
        if self._screen is None:
            raise DesktopLost("this pocket desktop is closed; lease another one")
        return self._screen

    def reset(self, task: Task) -> Observation:
        """Bring every application into the task's initial state, and look at the home page."""
        screen = self.screen
        self._task = None
        state = initial_state(task)
        screen.begin(state)
        self._input.reset()
        leftovers = screen.leftovers(Saved.begin(state))
        if leftovers:
            raise DesktopLost(f"this pocket desktop is not fresh after a reset: {leftovers}")
        self._before = screen.stored.flat()
        self._task = task
        return self.look()

    def step(self, action: SingleAction) -> Observation:
        """Do what a person's mouse and keyboard would do, and look."""
        screen = self.screen
        if self._task is None:
            raise DesktopLost("this pocket desktop has no task yet; call reset(task) first")
        self._input.perform(action)
        assert screen is self._screen
        return self.look()

    def score(self, last_action: SingleAction | None) -> float:
        """1.0 or 0.0 from what the applications have saved."""
        screen = self.screen
        if self._task is None:
            raise EvaluatorError("this pocket desktop has no task to score; call reset(task) first")
        return score(self._task, Outcome(before=self._before, after=screen.stored.flat()), last_action)

    def look(self) -> Observation:
        """What is on the screen."""
        return Observation(pixels=self.screen.pixels())

    def close(self) -> None:
        """Destroy the widgets."""
        if self._screen is not None:
            destroy(self._screen)
            self._screen = None


def initial_state(task: Task) -> InitialState:
    """The state in which a task begins.

    Raises:
        SetupFailed: the task's config is not exactly one `pocket_state` step that can be carried out.
    """
    kinds = [step.type for step in task.config]
    unknown = [kind for kind in kinds if kind != SETUP_STEP]
    if unknown:
        raise SetupFailed(
            f"task {task.id} has the setup step {unknown[0]!r}, which the pocket desktop does not know; "
            f"it knows {SETUP_STEP}: give the task to the desktop that it was made for"
        )
    if len(kinds) != 1:
        raise SetupFailed(f"task {task.id} has {len(kinds)} {SETUP_STEP} steps; give exactly one")
    return read_state(task.config[0].parameters)
