"""What can befall a learner's ranks, in sentences with a cure, and which of several troubles was the first cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from arpo_engine.contract.errors import ArpoError, LearnerLost
from arpo_engine.trainer.rank_wire import Failed

GRACE_S = 2.0
"""How long other ranks are listened to after a first trouble: one that lost its sibling complains, too, and often
earlier than the system tells of the one that died."""
KEPT = "finished episodes are in the run's events, and the run goes on from its last checkpoint when it is resumed"
KILLED = -9

_ORDER = ("memory", "died", "refused", "disk", "error", "silent")
"""Causes before consequences."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What one rank said or did not say."""

    kind: str
    sentence: str
    error: ArpoError | None = None


def died(rank: int, where: str, code: int | None) -> Trouble:
    """Its process is gone; `code` is its exit code if that is known, negative for a signal."""
    how = "" if code is None else f" with exit code {code}" if code >= 0 else f" of signal {-code}"
    hint = ", as the system ends a process when the memory is full" if code == KILLED else ""
    return Trouble("died", f"rank {rank} of the learner ({where}) died{how}{hint}")


def failed(rank: int, answer: Failed) -> Trouble:
    """It said so itself."""
    if answer.error is not None:
        return Trouble("refused", answer.message, answer.error)
    return Trouble(answer.kind, f"rank {rank} of the learner: {answer.message}")


def silent(ranks: Sequence[int], doing: str, timeout_s: float, setting: str) -> Trouble:
    """They gave no answer in time."""
    named = ", ".join(map(str, sorted(ranks)))
    return Trouble(
        "silent", f"ranks {named} of the learner gave no answer to {doing} within {setting} = {timeout_s:g} s; raise it"
    )


def raise_worst(troubles: Sequence[Trouble]) -> NoReturn:
    """Raise the first cause among them.

    Raises:
        LearnerLost: a rank died, is out of memory, failed or was silent.
        ArpoError: a rank refused on purpose.
        OSError: a disk refused.
    """
    worst = min(troubles, key=lambda trouble: _ORDER.index(trouble.kind))
    if worst.error is not None:
        raise worst.error
    if worst.kind == "disk":
        raise OSError(worst.sentence)
    raise LearnerLost(f"{worst.sentence}; {KEPT}")
