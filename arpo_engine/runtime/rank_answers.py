"""Waits for the answers of a learner's ranks, whoever carries them: children of this process, or actors of a cluster.

A group lives and dies as one: a rank that is lost leaves the others in the middle of a collective call, so the first
trouble ends the wait, after a moment in which the others may still name its cause.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from arpo_engine.runtime.rank_trouble import GRACE_S, Trouble, raise_worst, silent

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an answer may take."""

    seconds: float
    setting: str
    """Where a person raises it."""


def answer_of_first(
    waiting: Mapping[T, int],
    *,
    doing: str,
    patience: Patience,
    some_of: Callable[[list[T], float], Iterable[T]],
    received: Callable[[T], Any],
    end: Callable[[str], None],
) -> Any:
    """The first rank's answer, when all have answered.

    Args:
        waiting: Of each rank's line its number.
        doing: What they were asked for, in words.
        patience: The limit, and its name.
        some_of: Those of the lines that have something to say, waiting for one so many seconds; none when none has.
        received: What a line says: an answer, or a `Trouble`.
        end: Ends all ranks, for this reason.

    Raises:
        LearnerLost: a rank died, is out of memory, failed or was silent; all are ended.
        ArpoError: a rank refused on purpose; all are ended.
        OSError: a disk refused; all are ended.
    """
    left, first, troubles = dict(waiting), None, list[Trouble]()
    until = time.monotonic() + patience.seconds
    while left:
        there = some_of(list(left), max(0.0, until - time.monotonic()))
        if not there:
            break
        for line in there:
            rank, answer = left.pop(line), received(line)
            if isinstance(answer, Trouble):
                troubles.append(answer)
                until = min(until, time.monotonic() + GRACE_S)
            elif rank == 0:
                first = answer
    if left and not troubles:
        troubles = [silent(list(left.values()), doing, patience.seconds, patience.setting)]
    if troubles:
        end("; ".join(trouble.sentence for trouble in troubles))
        raise_worst(troubles)
    return first
