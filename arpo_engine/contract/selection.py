"""What is told about a choice of tasks, from the engine to the page: each task with its counts and the verdict on it.

Only the shape; how the verdicts are made is `evaluation/selection.py`'s.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from arpo_engine.contract.base import Wire


class Verdict(StrEnum):
    """Why a task is practised, or why not."""

    CHOSEN = "chosen"
    NEVER_SOLVED = "never_solved"
    TOO_RARELY_SOLVED = "too_rarely_solved"
    """Solved, but not more often than the lower bound."""
    TOO_OFTEN_SOLVED = "too_often_solved"
    """Not always solved, but no less often than the upper bound."""
    ALWAYS_SOLVED = "always_solved"
    NOT_MEASURED = "not_measured"
    """Too many of its tries were lost to faults."""
    LEFT_OUT = "left_out"
    """It cannot be done, and such tasks were not to be tried."""


IN_WORDS = {
    Verdict.CHOSEN: "chosen",
    Verdict.NEVER_SOLVED: "never solved",
    Verdict.TOO_RARELY_SOLVED: "too rarely solved",
    Verdict.TOO_OFTEN_SOLVED: "too often solved",
    Verdict.ALWAYS_SOLVED: "always solved",
    Verdict.NOT_MEASURED: "could not be measured",
    Verdict.LEFT_OUT: "left out untried",
}


class JudgedTask(Wire):
    """One task of the training set."""

    task_id: str
    domain: str = ""
    infeasible: bool = False
    successes: int = 0
    attempts: int = 0
    """Scored tries; faults are not among them."""
    faults: int = 0
    verdict: Verdict


class Rule(Wire):
    """What the verdicts were made by; see the settings of the same names in `tasks.selection`."""

    attempts: int
    success_above: float | None
    success_below: float | None
    least_scored: float
    infeasible: str


class Choice(Wire):
    """Which tasks a run practises, and why."""

    rule: Rule
    tasks: list[JudgedTask] = Field(default_factory=list)

    @property
    def chosen(self) -> list[JudgedTask]:
        """Those that are practised."""
        return [task for task in self.tasks if task.verdict is Verdict.CHOSEN]

    def counts(self, *, infeasible: bool) -> dict[Verdict, int]:
        """Tasks by verdict, in the verdicts' order; those that can be done, or those that cannot."""
        of_kind = [task.verdict for task in self.tasks if task.infeasible == infeasible]
        return {verdict: of_kind.count(verdict) for verdict in Verdict if verdict in of_kind}
