"""How episodes and runs end, by name, and which score is a success. A fault is never a reward (docs/architecture.md,
section 5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SOLVED_ABOVE: Final = 0.5
"""A score above this counts as solved; tasks of our own score 0 or 1, some of OSWorld's anything between."""


def is_solved(score: float | None) -> bool:
    """Whether a score counts as a success; an episode without a score is no success, and no failure either."""
    return score is not None and score > SOLVED_ABOVE


class EndedBy(StrEnum):
    """Why an episode stopped."""

    FINISHED = "finished"
    FAILED_BY_AGENT = "failed_by_agent"
    OUT_OF_STEPS = "out_of_steps"
    UNREADABLE_REPLY = "unreadable_reply"
    CONTEXT_FULL = "context_full"
    CANCELLED = "cancelled"
    FAULT = "fault"


class Fault(StrEnum):
    """What broke around the agent; an episode with a fault has no score."""

    DESKTOP_LOST = "desktop_lost"
    DESKTOP_STUCK = "desktop_stuck"
    EVALUATOR_ERROR = "evaluator_error"
    GENERATOR_LOST = "generator_lost"
    SETUP_FAILED = "setup_failed"
    ASSET_MISSING = "asset_missing"


class Split(StrEnum):
    """Which set of tasks an episode belongs to, and what for."""

    TRAIN = "train"
    SELECTION = "selection"
    """Tried before the training, to choose what is practised."""
    VALIDATION_TRAIN = "validation_train"
    HELD_OUT = "held_out"
    EVALUATION = "evaluation"
    TRYOUT = "tryout"
    """Directed by a person; no figure counts it, whatever its score."""


class RunOutcome(StrEnum):
    """How an attempt ended, in the engine's own word."""

    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


class Directive(StrEnum):
    """What the console wants the engine to do next; the answer to every batch of events."""

    RUN = "run"
    STOP_GRACEFULLY = "stop_gracefully"
    PAUSE = "pause"
