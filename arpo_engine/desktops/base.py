"""The protocol that every desktop provider keeps; its conformance suite is tests/conformance/."""

from __future__ import annotations

from typing import Protocol

from arpo_engine.contract.actions import SingleAction
from arpo_engine.contract.tasks import Task
from arpo_engine.types import Observation


class Desktop(Protocol):
    """One desktop, used by one episode at a time.

    Every method may raise `DesktopLost`; the caller then gives the desktop back to the pool, which replaces it.
    """

    def reset(self, task: Task) -> Observation:
        """Bring the desktop into the state in which `task` begins, and look.

        Raises:
            SetupFailed: the task's config cannot be carried out; the desktop itself is fine.
        """
        ...

    def step(self, action: SingleAction) -> Observation:
        """Carry the action out as a person's mouse and keyboard would, and look. A click on nothing does nothing."""
        ...

    def score(self, last_action: SingleAction | None) -> float:
        """The task's score in 0..1 from the state of its applications; `last_action` decides infeasible tasks.

        Raises:
            EvaluatorError: there is no score. That is not a score of zero.
        """
        ...

    def close(self) -> None:
        """Give up what the desktop holds; may be called twice."""
        ...
