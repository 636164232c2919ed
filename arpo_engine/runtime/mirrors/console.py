"""A step's numbers as one line on stdout, in the form in which verl prints them. Knows no run."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.runtime.mirrors.base import TrackedRun


class ConsoleTracker:
    """`step:12 - critic/score/mean:0.5 - …`; `arpo_engine metrics` reads such lines again."""

    takes_back = True

    def open(self, run: TrackedRun) -> str:
        """There is nothing to open."""
        return "stdout"

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """One line; stdout is looked up each time, since a progress bar may have put itself before it."""
        sys.stdout.write(" - ".join([f"step:{step}", *(f"{name}:{value:.6g}" for name, value in numbers.items())]))
        sys.stdout.write("\n")
        sys.stdout.flush()

    def close(self, outcome: RunOutcome | None) -> None:
        """Everything has been printed."""

    def abandon(self) -> None:
        """A thread that waits for a terminal keeps no process alive."""
